// Shoppers with their tokens, made once before the test so that no iteration pays for a login.

import http from "k6/http";
import { TOKENS, TOKEN_URL } from "./target.ts";

/** Tokens asked for at once. */
const BATCH = 20;

/** The tokens of this many shoppers; or those that were given, however many. */
export function signIn(count: number): string[] {
  if (TOKENS.length > 0) {
    return TOKENS;
  }
  const tokens: string[] = [];
  while (tokens.length < count) {
    const names = Array.from({ length: Math.min(BATCH, count - tokens.length) }, (_, index) => `shopper-${tokens.length + index}`);
    const requests = names.map((sub) => ({
      method: "POST",
      url: TOKEN_URL,
      body: JSON.stringify({ sub, ttl_seconds: 24 * 60 * 60 }),
      params: { tags: { name: "POST /_local/token" } },
    }));
    for (const response of http.batch(requests)) {
      if (response.status !== 200) {
        throw new Error(
          `no token at ${TOKEN_URL} (${response.error || response.body}): is \`cargo local\` running? On AWS, give access tokens with -e TOKEN=…`,
        );
      }
      tokens.push(String(response.json("access_token")));
    }
  }
  return tokens;
}
