// A flash sale: buyers arrive at a constant rate, however slow the shop is, and all want one product with far too
// few units. Afterwards one late buyer comes.
//
//   k6 run -e PRODUCT=<product id> loadtest/flash-sale.ts
//
// Without PRODUCT it is the product with the fewest units left. -e RATE=300 buyers a second,
// -e SECONDS=20, -e ACCEPTANCE_P95=500 and -e DECISION_P95=2000 the thresholds in milliseconds; and
// see lib/target.ts.

import { check, sleep } from "k6";
import type { Options } from "k6/options";
import { buyAtOnce, product, thresholds, untilDecided, wantedProduct } from "./lib/shop.ts";
import { myToken } from "./lib/shoppers.ts";
import { summary } from "./lib/summary.ts";
import { number } from "./lib/target.ts";

const RATE = number("RATE", 300);
const SECONDS = number("SECONDS", 20);

/** The pause before the late buyer comes, for the decisions of the last buyers. */
const QUIET_SECONDS = 5;

export const options: Options = {
  scenarios: {
    rush: {
      executor: "constant-arrival-rate",
      exec: "buy",
      rate: RATE,
      timeUnit: "1s",
      duration: `${SECONDS}s`,
      // A buyer takes up to 4 s: the acceptance and three polls, one second apart, if all is within the thresholds.
      // k6 drops the iterations for which no virtual user is free, and dropped iterations fail the load test.
      preAllocatedVUs: RATE * 4,
      maxVUs: RATE * 8,
      gracefulStop: "90s",
    },
    late: {
      executor: "per-vu-iterations",
      exec: "comeLate",
      startTime: `${SECONDS + QUIET_SECONDS}s`,
      vus: 1,
      iterations: 1,
      maxDuration: "120s",
    },
  },
  thresholds: thresholds(number("ACCEPTANCE_P95", 500), number("DECISION_P95", 2000)),
  summaryTrendStats: ["med", "p(95)", "p(99)", "max"],
};

interface Setup {
  wanted: string;
  units: number;
}

export function setup(): Setup {
  const wanted = wantedProduct((a, b) => a.available - b.available);
  console.log(`${RATE} buyers a second for ${SECONDS} s want ${wanted.name}: ${wanted.available} units`);
  return { wanted: wanted.product_id, units: wanted.available };
}

export function buy(sale: Setup) {
  const token = myToken();
  const order = buyAtOnce(token, [{ product_id: sale.wanted, quantity: 1 }]);
  if (order) {
    untilDecided(token, order);
  }
}

export function comeLate(sale: Setup) {
  if (sale.units >= RATE * SECONDS) {
    return;
  }
  // The last decisions may be late, and the listing may be some seconds old.
  let shown = product(sale.wanted);
  for (let tries = 0; shown?.available !== 0 && tries < 20; tries++) {
    sleep(1);
    shown = product(sale.wanted);
  }
  check(shown, { "a late buyer sees that nothing is left": (it) => it?.available === 0 });
  const token = myToken();
  const order = buyAtOnce(token, [{ product_id: sale.wanted, quantity: 1 }]);
  if (order) {
    const decided = untilDecided(token, order);
    check(decided, { "a late buyer is turned away": (it) => it?.status === "REJECTED" });
  }
}

export const handleSummary = summary("A flash sale");
