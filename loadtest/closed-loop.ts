// A closed loop: shoppers buy one unit with one click, poll the order every 50 ms until it is decided, and buy again.
// It measures how long a shopper waits for a decision, and how many decisions a second that makes.
//
//   k6 run loadtest/closed-loop.ts
//
// They buy the product with the most units, or -e PRODUCT=<product id>. -e SHOPPERS=50 shoppers at once,
// -e SECONDS=30; and see lib/target.ts. `cargo loadtest -- --closed-loop 50` runs it with a product of plenty.

import type { Options } from "k6/options";
import { Trend } from "k6/metrics";
import { buyAtOnce, correctness, untilDecided, wantedProduct } from "./lib/shop.ts";
import { myToken } from "./lib/shoppers.ts";
import { summary } from "./lib/summary.ts";
import { number } from "./lib/target.ts";

const POLL_SECONDS = 0.05;

const clickToDecision = new Trend("click_to_decision", true);

export const options: Options = {
  scenarios: {
    loop: {
      executor: "constant-vus",
      vus: number("SHOPPERS", 50),
      duration: `${number("SECONDS", 30)}s`,
      gracefulStop: "90s",
    },
  },
  // No latency is too high: in a closed loop a slow shop gets fewer orders, and that is what is measured.
  thresholds: { ...correctness(), orders_rejected: ["count<1"], checkouts_sold_out_at_once: ["count<1"] },
  summaryTrendStats: ["med", "p(95)", "p(99)", "max"],
};

interface Setup {
  product: string;
}

export function setup(): Setup {
  return { product: wantedProduct((a, b) => b.available - a.available).product_id };
}

export default function ({ product }: Setup) {
  const token = myToken();
  const clicked = Date.now();
  const order = buyAtOnce(token, [{ product_id: product, quantity: 1 }]);
  if (order && untilDecided(token, order, POLL_SECONDS)) {
    clickToDecision.add(Date.now() - clicked);
  }
}

export const handleSummary = summary("A closed loop");
