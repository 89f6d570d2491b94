// The Secure Remote Password protocol as Cognito speaks it (SRP-6a over the 3072-bit group of RFC 3526,
// SHA-256): the password proves itself and never travels. The session key is for one signature only.

const PRIME = BigInt(
  "0x" +
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a0879" +
    "8e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b" +
    "0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da4836" +
    "1c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804" +
    "f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6" +
    "955817183995497cea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33a85521abdf1cba64" +
    "ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7abf5ae8cdb0933d71e8c94e04a25619dcee3d226" +
    "1ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200cbbe117577a615d6c770988c0bad946e2" +
    "08e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff",
);
const GENERATOR = 2n;
const KEY_INFO = "Caldera Derived Key";

// The client's secret number (a), and what is sent of it (A).
export function ephemeral() {
  const secret = number(crypto.getRandomValues(new Uint8Array(64)));
  return { secret, shared: power(GENERATOR, secret).toString(16) };
}

// The response to a PASSWORD_VERIFIER challenge. `pool` is the pool's id without its region.
// Values with which anybody could compute the key (RFC 5054, section 2.5.4) are rejected.
export async function answer({ secret, shared }, challenge, pool, password, now = new Date()) {
  const { SALT, SRP_B, SECRET_BLOCK, USER_ID_FOR_SRP: user } = challenge;
  const theirs = BigInt("0x" + SRP_B);
  if (theirs % PRIME === 0n) throw new Error("The user pool sent an invalid SRP value (B % N = 0).");
  const scramble = number(await sha256(join(bytes(shared), bytes(SRP_B))));
  if (scramble === 0n) throw new Error("The user pool sent an invalid SRP value (u = 0).");
  const who = await sha256(text(`${pool}${user}:${password}`));
  const verifier = number(await sha256(join(bytes(SALT), who)));
  const multiplier = number(await sha256(join(bytes(PRIME.toString(16)), bytes(GENERATOR.toString(16)))));
  const base = theirs - multiplier * power(GENERATOR, verifier);
  const session = power(base, secret + scramble * verifier);
  const timestamp = stamp(now);
  const signed = join(text(pool + user), fromBase64(SECRET_BLOCK), text(timestamp));
  return {
    USERNAME: user,
    PASSWORD_CLAIM_SECRET_BLOCK: SECRET_BLOCK,
    PASSWORD_CLAIM_SIGNATURE: toBase64(await sign(session, scramble, signed)),
    TIMESTAMP: timestamp,
  };
}

async function sign(session, scramble, message) {
  const salt = bytes(scramble.toString(16));
  const material = await crypto.subtle.importKey("raw", bytes(session.toString(16)), "HKDF", false, [
    "deriveBits",
  ]);
  const derived = { name: "HKDF", hash: "SHA-256", salt, info: text(KEY_INFO) };
  const raw = await crypto.subtle.deriveBits(derived, material, 128);
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, message));
}

function power(base, exponent) {
  let result = 1n;
  let square = ((base % PRIME) + PRIME) % PRIME;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % PRIME;
    square = (square * square) % PRIME;
  }
  return result;
}

// Java's BigInteger.toByteArray(), which Cognito hashes: a leading zero where the first bit is set.
function bytes(hex) {
  let even = hex.length % 2 ? "0" + hex : hex;
  if (/^[89a-f]/i.test(even)) even = "00" + even;
  return Uint8Array.from(even.match(/../g), (pair) => parseInt(pair, 16));
}

function number(array) {
  return BigInt("0x" + Array.from(array, (byte) => byte.toString(16).padStart(2, "0")).join(""));
}

// Cognito reads one form of a date only: Sat Nov 7 20:14:05 UTC 2026.
function stamp(moment) {
  const [, day, date, month, year, time] = /^(\w+), (\d+) (\w+) (\d+) ([\d:]+)/.exec(moment.toUTCString());
  return `${day} ${month} ${Number(date)} ${time} UTC ${year}`;
}

async function sha256(array) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", array));
}

const text = (string) => new TextEncoder().encode(string);
const fromBase64 = (string) => Uint8Array.from(atob(string), (character) => character.charCodeAt(0));
const toBase64 = (array) => btoa(String.fromCharCode(...array));

function join(...arrays) {
  const whole = new Uint8Array(arrays.reduce((length, array) => length + array.length, 0));
  arrays.reduce((place, array) => (whole.set(array, place), place + array.length), 0);
  return whole;
}
