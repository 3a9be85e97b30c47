// An ordinary day: shoppers fill a cart with a few products, check it out, wait for the decision, and pay,
// cancel, or leave without paying.
//
//   k6 run loadtest/checkout.ts
//
// They choose from all available products, or from -e PRODUCTS=<product id>,<product id>,…
// -e SHOPPERS=100 shoppers at once, -e SECONDS=30, -e ACCEPTANCE_P95=500 and -e DECISION_P95=2000
// the thresholds in milliseconds; -e STOP_AT=decision leaves all orders unpaid; and see lib/target.ts.

import type { Options } from "k6/options";
import { addToCart, cancel, checkOut, openCart, pay, payWithDeclinedCard, products, thresholds, untilDecided, type Line } from "./lib/shop.ts";
import { myToken } from "./lib/shoppers.ts";
import { summary } from "./lib/summary.ts";
import { number } from "./lib/target.ts";

const SHOPPERS = number("SHOPPERS", 100);
const MOST_PRODUCTS = 5;
const MOST_UNITS = 10;

/** The share of shoppers that add one more product to their cart. */
const ADD_ONE_MORE = 0.2;

const STOP_AT_DECISION = __ENV.STOP_AT === "decision";

export const options: Options = {
  scenarios: {
    day: { executor: "constant-vus", vus: SHOPPERS, duration: `${number("SECONDS", 30)}s`, gracefulStop: "90s" },
  },
  thresholds: thresholds(number("ACCEPTANCE_P95", 500), number("DECISION_P95", 2000)),
  summaryTrendStats: ["med", "p(95)", "p(99)", "max"],
};

interface Setup {
  products: string[];
}

export function setup(): Setup {
  const wanted = __ENV.PRODUCTS ? __ENV.PRODUCTS.split(",") : availableProducts();
  return { products: wanted };
}

export default function (shop: Setup) {
  const token = myToken();
  const cart = openCart(token, basket(shop.products));
  if (!cart) {
    return;
  }
  if (Math.random() < ADD_ONE_MORE && !addToCart(token, cart, line(oneOf(shop.products), 1))) {
    return;
  }
  const order = checkOut(token, cart);
  if (order && untilDecided(token, order)?.status === "WAITING_PAYMENT" && !STOP_AT_DECISION) {
    payOrCancel(token, order);
  }
}

/** Most shoppers pay, some at the second attempt; some cancel, before or after paying; the others do not pay. */
function payOrCancel(token: string, order: string) {
  const choice = Math.random();
  if (choice < 0.7) {
    pay(token, order);
  } else if (choice < 0.75) {
    payWithDeclinedCard(token, order);
    pay(token, order);
  } else if (choice < 0.85) {
    cancel(token, order);
  } else if (choice < 0.9) {
    pay(token, order);
    cancel(token, order);
  }
}

function availableProducts(): string[] {
  const offered = products().filter(({ available }) => available > 0);
  if (offered.length === 0) {
    throw new Error("nothing is available: restock, or start the shop again");
  }
  return offered.map(({ product_id }) => product_id);
}

/** 1 to 5 different products, 1 to 10 units of each. */
function basket(offered: string[]): Line[] {
  const chosen = new Set<string>();
  for (let wanted = upTo(MOST_PRODUCTS); wanted > 0; wanted--) {
    chosen.add(oneOf(offered));
  }
  return Array.from(chosen, (product_id) => line(product_id, upTo(MOST_UNITS)));
}

function line(product_id: string, quantity: number): Line {
  return { product_id, quantity };
}

function upTo(most: number): number {
  return 1 + Math.floor(Math.random() * most);
}

function oneOf<T>(items: T[]): T {
  return items[Math.floor(Math.random() * items.length)]!;
}

export const handleSummary = summary("An ordinary day");
