// Access tokens: each of k6's virtual users is one shopper and gets a token when it first needs one.
// The tokens are not made in setup(): k6 copies its result to every virtual user, so the time would grow with the
// square of the number of shoppers.

import { fail } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { TOKENS, TOKEN_URL } from "./target.ts";

let token: string | undefined;

/** This shopper's token: one of those in TOKEN, if there are any, or else a new one. */
export function myToken(): string {
  token ??= TOKENS.length > 0 ? TOKENS[exec.vu.idInTest % TOKENS.length]! : signIn(`shopper-${exec.vu.idInTest}`);
  return token;
}

function signIn(sub: string): string {
  const body = JSON.stringify({ sub, ttl_seconds: 24 * 60 * 60 });
  const answer = http.post(TOKEN_URL, body, { tags: { name: "POST /_local/token" }, responseType: "text" });
  if (answer.status !== 200) {
    fail(
      `no token at ${TOKEN_URL} (${answer.error || answer.body}): is \`cargo local\` running? On AWS, give access tokens with -e TOKEN=…`,
    );
  }
  return String(answer.json("access_token"));
}
