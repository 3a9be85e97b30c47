// The summary of a run: as text, and as JSON if SUMMARY names a file.

interface Metric {
  values: Record<string, number>;
  thresholds?: Record<string, { ok: boolean }>;
}

interface Data {
  metrics: Record<string, Metric | undefined>;
  state: { testRunDurationMs: number };
}

export function summary(title: string) {
  return (data: Data): Record<string, string> => {
    const result = figures(data);
    const output: Record<string, string> = { stdout: text(title, result, broken(data)) };
    if (__ENV.SUMMARY) {
      output[__ENV.SUMMARY] = JSON.stringify(result, null, 2);
    }
    return output;
  };
}

function figures({ metrics, state }: Data) {
  const count = (name: string) => metrics[name]?.values.count ?? 0;
  const rate = (name: string) => metrics[name]?.values.rate ?? 0;
  const percentiles = (name: string) => {
    const values = metrics[name]?.values;
    const value = (stat: string) => values?.[stat] ?? 0;
    return values && { p50: value("med"), p95: value("p(95)"), p99: value("p(99)"), max: value("max") };
  };
  const orders = { won: count("orders_won"), rejected: count("orders_rejected"), undecided: count("orders_undecided") };
  const seconds = state.testRunDurationMs / 1000;
  return {
    seconds,
    requests: count("http_reqs"),
    accepted: count("checkouts_accepted"),
    sold_out_at_once: count("checkouts_sold_out_at_once"),
    orders,
    paid: count("orders_paid"),
    cancelled: count("orders_cancelled"),
    decided_per_second: (orders.won + orders.rejected) / seconds,
    unexpected_answers: rate("unexpected_answers"),
    dropped_iterations: count("dropped_iterations"),
    acceptance_ms: percentiles("checkout_acceptance"),
    decision_ms: percentiles("checkout_decision"),
    decision_seen_ms: percentiles("checkout_decision_seen"),
    click_to_decision_ms: percentiles("click_to_decision"),
  };
}

function broken({ metrics }: Data): string[] {
  return Object.entries(metrics).flatMap(([name, metric]) =>
    Object.entries(metric?.thresholds ?? {})
      .filter(([, { ok }]) => !ok)
      .map(([threshold]) => `${name}: ${threshold}`),
  );
}

function text(title: string, run: ReturnType<typeof figures>, brokenThresholds: string[]): string {
  const latency = (values: { p50: number; p95: number; p99: number; max: number } | undefined) =>
    values
      ? `p50 ${ms(values.p50)}   p95 ${ms(values.p95)}   p99 ${ms(values.p99)}   max ${ms(values.max)}`
      : "none";
  const lines = [
    "",
    `${title}: ${run.seconds.toFixed(1)} s, ${run.requests} requests`,
    `  accepted               ${run.accepted}`,
    `  told sold out at once  ${run.sold_out_at_once}`,
    `  decided                ${run.orders.won} won, ${run.orders.rejected} rejected, ${run.orders.undecided} undecided; ${run.decided_per_second.toFixed(0)} a second`,
    `  afterwards             ${run.paid} paid, ${run.cancelled} cancelled`,
    `  acceptance             ${latency(run.acceptance_ms)}`,
    `  submission to decision ${latency(run.decision_ms)}`,
    `  until the shopper saw  ${latency(run.decision_seen_ms)}`,
    `  unexpected answers     ${(run.unexpected_answers * 100).toFixed(2)} %`,
  ];
  if (run.click_to_decision_ms) {
    lines.push(`  click to decision      ${latency(run.click_to_decision_ms)}`);
  }
  if (run.dropped_iterations > 0) {
    lines.push(`  buyers that k6 could not send in time: ${run.dropped_iterations}`);
  }
  lines.push(...brokenThresholds.map((threshold) => `  NOT MET ${threshold}`), "");
  return lines.join("\n");
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
