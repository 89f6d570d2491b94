// The participants of an account with what is available to each, a page at a time.

import { all } from "./api.js";
import { fill, h } from "./dom.js";
import * as format from "./format.js";
import { search } from "./participants.js";
import { address, pageNumber } from "./router.js";
import { pager, table, values } from "./table.js";
import { crumb, empty, heading, into, loading, titled } from "./ui.js";

const SIZE = 50;

export function view(root, { parts: [account], query, signal }) {
  titled(`Account ${account}`);
  const place = h("section", { class: "card", "aria-label": "Participants" }, loading(6));
  fill(
    root,
    crumb(address("participants"), "Participants"),
    heading(`Account ${account}`),
    place,
    search(account),
  );
  into(place, signal, async () => {
    const rewards = await all(`/reward?${new URLSearchParams({ accountId: account })}`, signal);
    return shown(account, participants(rewards), pageNumber(query));
  });
}

/** What is left of the rewards that are available now, by participant and unit. */
export function participants(rewards) {
  const found = new Map();
  for (const reward of rewards) {
    if (!found.has(reward.userId))
      found.set(reward.userId, { user: reward.userId, rewards: 0, available: {}, decimals: {} });
    const own = found.get(reward.userId);
    own.rewards += 1;
    if (!reward.statuses.includes("AVAILABLE")) continue;
    const left = BigInt(reward.assignedCredit) - BigInt(reward.redeemedCredit);
    own.available[reward.unit] = (own.available[reward.unit] ?? 0n) + left;
    own.decimals[reward.unit] = reward.decimals;
  }
  return [...found.values()].sort((a, b) => (a.user < b.user ? -1 : 1));
}

function shown(account, people, page) {
  if (!people.length) {
    const words =
      "No participant of this account has a reward. Ids are compared exactly: copy them from a report.";
    return empty(`No rewards in account ${account}`, words);
  }
  const to = (number) => `${address("account", account)}?page=${number + 1}`;
  const columns = [
    {
      name: "User id",
      wide: true,
      of: (each) => h("a", { href: address("participant", account, each.user) }, each.user),
    },
    { name: "Available", number: true, of: (each) => values(each.available, each.decimals) },
    { name: "Rewards", number: true, of: (each) => format.count(each.rewards) },
  ];
  const part = people.slice(page * SIZE, (page + 1) * SIZE);
  const pages = people.length > SIZE ? pager(page, SIZE, people.length, to, "participant") : null;
  return [h("h2", {}, "Participants"), table("Participants of the account", columns, part), pages];
}
