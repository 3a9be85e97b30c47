// The requests of shoppers, and the metrics of them.

import { check, sleep } from "k6";
import http, { type RefinedResponse } from "k6/http";
import { Counter, Rate, Trend } from "k6/metrics";
import { BASE_URL } from "./target.ts";

export interface Product {
  product_id: string;
  name: string;
  price: string;
  available: number;
}

export interface Line {
  product_id: string;
  quantity: number;
}

export interface Order {
  order_id: string;
  status: string;
  short?: { product_id: string; requested: number; available: number }[];
  submitted_at: string;
  decided_at?: string;
}

type Answer = RefinedResponse<"text">;

/** An order without a decision after this time is counted as undecided. */
const GIVE_UP_SECONDS = 60;

/** The pause between two polls of a pending order; the API's Retry-After has the same value. */
const POLL_SECONDS = 1;

const acceptance = new Trend("checkout_acceptance", true);
const decision = new Trend("checkout_decision", true);
const seen = new Trend("checkout_decision_seen", true);
const accepted = new Counter("checkouts_accepted");
const refusedAtOnce = new Counter("checkouts_sold_out_at_once");
const won = new Counter("orders_won");
const rejected = new Counter("orders_rejected");
const undecided = new Counter("orders_undecided");
const paid = new Counter("orders_paid");
const cancelled = new Counter("orders_cancelled");
const unexpected = new Rate("unexpected_answers");

/** Test cards of the payment provider. */
const GOOD_CARD = "4242424242424242";
const DECLINED_CARD = "4000000000000002";

/** The run fails if it breaks one of these. The arguments are milliseconds. */
export function thresholds(acceptanceP95: number, decisionP95: number) {
  return {
    checkout_acceptance: [`p(95)<${acceptanceP95}`],
    checkout_decision: [`p(95)<${decisionP95}`],
    ...correctness(),
  };
}

/** The thresholds that do not depend on the load: every order is decided and every answer is as expected. */
export function correctness() {
  return {
    // A counter that was never increased has no samples. This threshold holds then, too.
    orders_undecided: ["count<1"],
    unexpected_answers: ["rate<0.001"],
    checks: ["rate>0.999"],
  };
}

/** Every product on sale. */
export function products(): Product[] {
  const all: Product[] = [];
  let cursor: string | null = null;
  do {
    const page: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const answer = http.get(`${BASE_URL}/products?limit=100${page}`, tagged("GET /products"));
    if (answer.status !== 200) {
      throw new Error(`no products at ${BASE_URL} (${answer.error || answer.status}): is the shop open?`);
    }
    const body = answer.json() as unknown as { products: Product[]; next_cursor: string | null };
    all.push(...body.products);
    cursor = body.next_cursor;
  } while (cursor);
  return all;
}

/** The product with the id in PRODUCT. Without PRODUCT, the available product that `compare` sorts first. */
export function wantedProduct(compare: (a: Product, b: Product) => number): Product {
  const offered = products();
  const wanted = __ENV.PRODUCT
    ? offered.find(({ product_id }) => product_id === __ENV.PRODUCT)
    : offered.filter(({ available }) => available > 0).sort(compare)[0];
  if (!wanted) {
    throw new Error(__ENV.PRODUCT ? `there is no product ${__ENV.PRODUCT}` : "nothing is available");
  }
  return wanted;
}

/** One product as a shopper sees it now. */
export function product(id: string): Product | undefined {
  const answer = http.get(`${BASE_URL}/products/${id}`, tagged("GET /products/{product_id}"));
  return expected(answer, 200) ? (answer.json() as unknown as Product) : undefined;
}

/** Opens a cart with these lines. Returns its id. */
export function openCart(token: string, lines: Line[]): string | undefined {
  const answer = post("/carts", token, { lines }, "POST /carts");
  return expected(answer, 201) ? String(answer.json("cart_id")) : undefined;
}

/** Adds a line to the cart. */
export function addToCart(token: string, cart: string, line: Line): boolean {
  return expected(post(`/carts/${cart}/items`, token, line, "POST /carts/{cart_id}/items"), 200);
}

/** Checks a cart out. Returns the order's id if the checkout is accepted. */
export function checkOut(token: string, cart: string): string | undefined {
  return submitted(post(`/carts/${cart}/checkout`, token, undefined, "POST /carts/{cart_id}/checkout"));
}

/** Buys with one click. Returns the order's id if the checkout is accepted. */
export function buyAtOnce(token: string, lines: Line[]): string | undefined {
  return submitted(post("/checkouts", token, { lines }, "POST /checkouts"));
}

function submitted(answer: Answer): string | undefined {
  if (answer.status === 409) {
    // The shop knows that this is sold out and answers so without queueing.
    unexpected.add(false);
    refusedAtOnce.add(1);
    return undefined;
  }
  if (!expected(answer, 202)) {
    return undefined;
  }
  acceptance.add(answer.timings.duration);
  accepted.add(1);
  return String(answer.json("order_id"));
}

/** Polls the order until it is decided, or until the time is up. */
export function untilDecided(token: string, orderId: string, pollSeconds = POLL_SECONDS): Order | undefined {
  const begun = Date.now();
  while (Date.now() - begun < GIVE_UP_SECONDS * 1000) {
    sleep(pollSeconds);
    const order = look(token, orderId);
    if (order && order.status !== "PENDING") {
      seen.add(Date.now() - begun);
      decided(order);
      return order;
    }
  }
  undecided.add(1);
  return undefined;
}

/** Pays an order. */
export function pay(token: string, orderId: string) {
  const answer = post(`/orders/${orderId}/payment`, token, { card_number: GOOD_CARD }, "POST /orders/{order_id}/payment");
  if (expected(answer, 200)) {
    paid.add(1);
  }
}

/** Tries to pay an order with a card that is declined. The order can still be paid. */
export function payWithDeclinedCard(token: string, orderId: string) {
  const card = { card_number: DECLINED_CARD };
  expected(post(`/orders/${orderId}/payment`, token, card, "POST /orders/{order_id}/payment"), 402);
}

/** Cancels an order, paid or not. */
export function cancel(token: string, orderId: string) {
  const path = `/orders/${orderId}/cancellation`;
  if (expected(post(path, token, undefined, "POST /orders/{order_id}/cancellation"), 200)) {
    cancelled.add(1);
  }
}

/** The order as its owner sees it now. */
export function look(token: string, orderId: string): Order | undefined {
  const answer = http.get(`${BASE_URL}/orders/${orderId}`, tagged("GET /orders/{order_id}", token));
  return expected(answer, 200) ? (answer.json() as unknown as Order) : undefined;
}

function decided(order: Order) {
  decision.add(milliseconds(order.decided_at) - milliseconds(order.submitted_at));
  if (order.status !== "REJECTED") {
    won.add(1);
    return;
  }
  rejected.add(1);
  check(order, {
    "a rejected order names what was short": ({ short = [] }) =>
      short.length > 0 && short.every((line) => line.requested > line.available),
  });
}

function milliseconds(time: string | undefined): number {
  // Date.parse reads no more than three digits of a second.
  return Date.parse((time || "").replace(/(\.\d{3})\d+/, "$1"));
}

function post(path: string, token: string, body: unknown, name: string): Answer {
  return http.post(`${BASE_URL}${path}`, body === undefined ? null : JSON.stringify(body), tagged(name, token));
}

function tagged(name: string, token?: string) {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (token) {
    headers.authorization = `Bearer ${token}`;
  }
  return { headers, tags: { name }, responseType: "text" as const };
}

function expected(answer: Answer, status: number): boolean {
  const asExpected = answer.status === status;
  unexpected.add(!asExpected);
  if (!asExpected) {
    console.warn(`${answer.request.method} ${answer.request.url}: ${answer.status} ${answer.error || answer.body}`);
  }
  return asExpected;
}
