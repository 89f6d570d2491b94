// How fast an import goes, from its counts over the last seconds.

import * as format from "./format.js";

const WINDOW = 15; // seconds

export class Speed {
  /** @type {[number, number][]} */
  #seen = [];

  /** The count, the rate and the time left, in words. */
  words(processed, rows) {
    const now = performance.now() / 1000;
    this.#seen.push([now, processed]);
    while (this.#seen.length > 2 && now - this.#seen[0][0] > WINDOW) this.#seen.shift();
    const done = `${format.count(processed)} of ${format.rows(rows)}`;
    const [start, before] = this.#seen[0];
    const rate = (processed - before) / (now - start);
    if (processed >= rows) return `${done} · writing the results`;
    if (!(rate > 0) || now - start < 1) return done;
    return `${done} · ${format.count(Math.round(rate))} per second · ${format.about((rows - processed) / rate)} left`;
  }
}
