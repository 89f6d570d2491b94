// One participant: balances, rewards in redemption order, and redemptions.

import { all, get } from "./api.js";
import { fill, h } from "./dom.js";
import * as format from "./format.js";
import { search } from "./participants.js";
import { address } from "./router.js";
import { limited, table } from "./table.js";
import { card, empty, heading, into, loading, titled } from "./ui.js";

const STATUS = {
  AVAILABLE: "Available",
  PENDING: "Scheduled for later",
  REDEEMED: "Fully redeemed",
  EXPIRED: "Expired",
  CANCELLED: "Cancelled",
};

export function view(root, { parts: [account, user], signal }) {
  titled(user);
  const links = [
    h("a", { href: address("participants") }, "Participants"),
    " / ",
    h("a", { href: address("account", account) }, account),
  ];
  const place = h("div", { class: "stack" }, h("section", { class: "card" }, loading(6)));
  fill(root, h("p", { class: "crumb" }, links), heading(user), about(account), place, search(account, user));
  into(place, signal, async () => {
    const whose = new URLSearchParams({ accountId: account, userId: user });
    const [balances, rewards] = await Promise.all([
      get(`/reward/balance?${whose}`, signal),
      all(`/reward?${whose}`, signal),
    ]);
    return rewards.length ? sections(balances, rewards) : noRewards(account, user);
  });
}

const about = (account) => h("p", { class: "mute about" }, `Participant of account ${account}`);

function noRewards(account, user) {
  const words = "Ids are compared exactly. Copy them from a report, or list all participants of the account.";
  const link = h("p", {}, h("a", { href: address("account", account) }, `Show account ${account}`));
  return h("section", { class: "card" }, empty(`${user} has no rewards`, words, link));
}

function sections(balances, rewards) {
  return [
    card("Balances", table("Balances by unit", BALANCE_COLUMNS, balances)),
    balances.map(({ unit, decimals }) =>
      ofUnit(
        unit,
        decimals,
        rewards.filter((each) => each.unit === unit),
      ),
    ),
    redemptions(rewards),
  ];
}

const sum = (name, field) => ({ name, number: true, of: (each) => format.value(each[field], each.decimals) });

const BALANCE_COLUMNS = [
  { name: "Unit", of: (each) => each.unit },
  sum("Available", "totalAvailableCredit"),
  sum("Redeemed", "totalRedeemedCredit"),
  sum("Scheduled", "totalPendingCredit"),
  sum("Expired", "totalExpiredCredit"),
  sum("Cancelled", "totalCancelledCredit"),
  sum("Assigned", "totalAssignedCredit"),
];

const left = (reward) => BigInt(reward.assignedCredit) - BigInt(reward.redeemedCredit);

function ofUnit(unit, decimals, rewards) {
  const available = rewards
    .filter((reward) => reward.redemptionOrder !== null)
    .sort((a, b) => a.redemptionOrder - b.redemptionOrder);
  const others = rewards.filter((reward) => reward.redemptionOrder === null);
  return card(
    `Rewards in ${unit}`,
    available.length
      ? limited("Rewards in redemption order", columns(decimals, true), available)
      : h("p", { class: "mute" }, "Nothing is available."),
    others.length ? unavailableRewards(decimals, others) : null,
  );
}

function unavailableRewards(decimals, rewards) {
  const label = `${format.plural(rewards.length, "reward")} not available now`;
  const shown = limited("Rewards not available now", columns(decimals, false), rewards);
  return h("details", {}, h("summary", {}, label), shown);
}

function columns(decimals, ordered) {
  const reward = { name: "Reward", wide: true, of: title };
  const order = { name: "Order", of: (each) => format.count(each.redemptionOrder) };
  const status = {
    name: "Status",
    of: (each) => each.statuses.map((name) => STATUS[name] || name).join(", "),
  };
  const expires = (each) =>
    each.dateExpires === null ? h("span", { class: "mute" }, "never") : format.day(each.dateExpires);
  return [
    ...(ordered ? [order, reward] : [reward, status]),
    { name: "Given", of: (each) => format.day(each.dateGiven) },
    { name: "Expires", of: expires },
    { name: "Assigned", number: true, of: (each) => format.value(each.assignedCredit, decimals) },
    { name: "Remaining", number: true, of: (each) => format.value(left(each), decimals) },
  ];
}

function title(reward) {
  const id = h("span", { class: "id" }, reward.id, reward.programId ? ` · ${reward.programId}` : "");
  return [h("span", {}, reward.name || "Reward"), id];
}

function redeemedBy({ importId, requester }) {
  return importId ? h("a", { href: address("import", importId) }, "Import") : requester || "API";
}

function redemptions(rewards) {
  const found = rewards
    .flatMap((reward) => reward.redemptions.map((each) => ({ ...each, reward })))
    .sort((a, b) => b.dateRedeemed - a.dateRedeemed);
  if (!found.length) return card("Redemptions", h("p", { class: "mute" }, "Nothing was redeemed yet."));
  const shown = [
    { name: "Redeemed on", of: (each) => format.moment(each.dateRedeemed) },
    { name: "Reward", wide: true, of: (each) => title(each.reward) },
    { name: "Unit", of: (each) => each.reward.unit },
    { name: "Amount", number: true, of: (each) => format.value(each.quantityRedeemed, each.reward.decimals) },
    { name: "Reference", of: (each) => each.reference || "" },
    { name: "By", of: redeemedBy },
  ];
  return card("Redemptions", limited("Redemptions, newest first", shown, found));
}
