// Creates a reward, redeems part of it and prints the balance, with types generated from the API's description.
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const [baseUrl, key] = process.argv.slice(2);
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Basic ${btoa(`any:${key}`)}` } });
const participant = { accountId: "typescript", userId: "ann" };

function must<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

const reward = must(
  await api.POST("/rewards/account/{accountId}/user/{userId}", {
    params: { path: participant, header: { "Idempotency-Key": "typescript create" } },
    body: { type: "CREDIT", unit: "CASH/USD", assignedCredit: 1055 },
  }),
);
must(
  await api.POST("/credit/{rewardId}/redeem", {
    params: { path: { rewardId: reward.id } },
    body: { amount: 55, unit: reward.unit },
  }),
);
const [balance] = must(
  await api.GET("/reward/balance", { params: { query: { accountId: participant.accountId, limit: 5 } } }),
);
const available: number = balance.totalAvailableCredit;
const missing = await api.GET("/reward/{rewardId}", { params: { path: { rewardId: "none" } } });
console.log(JSON.stringify({ available, error: missing.error?.apiErrorCode }));

// Never called: the types reject a query parameter that the API does not have.
export const misspelt = () =>
  // @ts-expect-error
  api.GET("/reward/balance", { params: { query: { account: "typescript" } } });
