// The URLs of the shop. The defaults are those of `cargo local`.

export const BASE_URL = (__ENV.BASE_URL || "http://127.0.0.1:3000").replace(/\/$/, "");

/** The emulator's route for tokens. AWS has no such route. */
export const TOKEN_URL = __ENV.TOKEN_URL || "http://127.0.0.1:4566/_local/token";

/** Access tokens to use instead, separated by commas: for AWS, where users have to sign in. */
export const TOKENS = (__ENV.TOKEN || "").split(",").filter((token) => token !== "");

/** A number from the environment. */
export function number(name: string, otherwise: number): number {
  const text = __ENV[name];
  if (!text) {
    return otherwise;
  }
  const value = Number(text);
  if (!(value > 0)) {
    throw new Error(`${name} must be a number above zero, not "${text}"`);
  }
  return value;
}
