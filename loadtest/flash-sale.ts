// A flash sale: buyers arrive at their own rate, however slow the shop, and all want one product of
// which there is far too little. Afterwards a late buyer comes by.
//
//   k6 run -e PRODUCT=<product id> loadtest/flash-sale.ts
//
// Without PRODUCT it is the product with the fewest units left. -e RATE=300 buyers a second,
// -e SECONDS=20, -e ACCEPTANCE_P95=500 and -e DECISION_P95=2000 the thresholds in milliseconds; and
// see lib/target.ts.

import { check, sleep } from "k6";
import type { Options } from "k6/options";
import { buyAtOnce, product, products, thresholds, untilDecided } from "./lib/shop.ts";
import { myToken } from "./lib/shoppers.ts";
import { summary } from "./lib/summary.ts";
import { number } from "./lib/target.ts";

const RATE = number("RATE", 300);
const SECONDS = number("SECONDS", 20);

/** Time for the last buyers' decisions before the late buyer comes. */
const QUIET_SECONDS = 5;

export const options: Options = {
  scenarios: {
    rush: {
      executor: "constant-arrival-rate",
      exec: "buy",
      rate: RATE,
      timeUnit: "1s",
      duration: `${SECONDS}s`,
      // A buyer stays for the acceptance, a pause and one or two looks: some seconds.
      preAllocatedVUs: RATE * 3,
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
  const offered = products();
  const wanted = __ENV.PRODUCT
    ? offered.find(({ product_id }) => product_id === __ENV.PRODUCT)
    : offered.filter(({ available }) => available > 0).sort((a, b) => a.available - b.available)[0];
  if (!wanted) {
    throw new Error(__ENV.PRODUCT ? `there is no product ${__ENV.PRODUCT}` : "nothing is on the shelves");
  }
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
  // Until the last decisions and the listing's own age have passed.
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
