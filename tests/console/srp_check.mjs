// Compares srp.js with the SRP client of amazon-cognito-identity-js. Arguments: the module's path.

import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const { default: AuthenticationHelper } = require("amazon-cognito-identity-js/lib/AuthenticationHelper.js");
const { default: BigInteger } = require("amazon-cognito-identity-js/lib/BigInteger.js");
const srp = await import(pathToFileURL(process.argv[2]).href);

const POOL = "AbCdEf";
const NOW = new Date("2026-11-07T20:14:05Z");
const SECRET_BLOCK = Buffer.from("a secret block").toString("base64");

function challengeOf(b, salt) {
  return { SALT: salt, SRP_B: b, SECRET_BLOCK, USER_ID_FOR_SRP: "ann" };
}

async function theirSignature(own, challenge, password) {
  const helper = new AuthenticationHelper(POOL);
  helper.smallAValue = new BigInteger(own.secret.toString(16), 16);
  helper.largeAValue = new BigInteger(own.shared, 16);
  helper.g.modPow(helper.smallAValue, helper.N, (_, a) => assert.equal(a.toString(16), own.shared));
  const [b, salt] = [challenge.SRP_B, challenge.SALT].map((hex) => new BigInteger(hex, 16));
  const key = await new Promise((resolve, reject) => {
    const done = (error, found) => (error ? reject(error) : resolve(found));
    helper.getPasswordAuthenticationKey("ann", password, b, salt, done);
  });
  const message = [
    Buffer.from(`${POOL}ann`),
    Buffer.from(SECRET_BLOCK, "base64"),
    Buffer.from("Sat Nov 7 20:14:05 UTC 2026"),
  ];
  return createHmac("sha256", Buffer.from(key)).update(Buffer.concat(message)).digest("base64");
}

// Salts and numbers that begin with a set bit, a zero and half a byte.
const salts = ["00ff", "8123456789abcdef0123456789abcdef", "7123456789abcdef", "f00", "123"];
for (const salt of salts) {
  for (const password of ["Correct-horse-1", "Grüße, 世界 1A"]) {
    const challenge = challengeOf(randomBytes(383).toString("hex"), salt);
    const own = srp.ephemeral();
    const answer = await srp.answer(own, challenge, POOL, password, NOW);
    assert.equal(answer.PASSWORD_CLAIM_SIGNATURE, await theirSignature(own, challenge, password));
    assert.equal(answer.TIMESTAMP, "Sat Nov 7 20:14:05 UTC 2026");
  }
}

const prime = new AuthenticationHelper(POOL).N.toString(16);
for (const b of ["0", prime, (2n * BigInt(`0x${prime}`)).toString(16)]) {
  await assert.rejects(srp.answer(srp.ephemeral(), challengeOf(b, "ab"), POOL, "x"), /B % N = 0/);
}

const digest = crypto.subtle.digest.bind(crypto.subtle);
crypto.subtle.digest = async () => new ArrayBuffer(32); // so that u = 0
await assert.rejects(srp.answer(srp.ephemeral(), challengeOf("1234", "ab"), POOL, "x"), /u = 0/);
crypto.subtle.digest = digest;
