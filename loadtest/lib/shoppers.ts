// Who the shoppers are: each of k6's virtual users is one, with a token made the first time it needs it.
// k6 gives every virtual user a copy of what setup() returns: with all tokens in there, the time that
// takes would grow with the square of the shoppers.

import { fail } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { TOKENS, TOKEN_URL } from "./target.ts";

let token: string | undefined;

/** This shopper's token; one of those that were given, if any were. */
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
