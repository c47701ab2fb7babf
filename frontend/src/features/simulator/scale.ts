// The slider of the rate: from 1 to 10,000 events a second, each tenfold as wide as the next.

export const RATE_MIN = 1;
export const RATE_MAX = 10_000;
export const STEPS = 100;

/** 0…STEPS → events per second, rounded to what one would say. */
export function rateOf(step: number): number {
  const exact = RATE_MIN * (RATE_MAX / RATE_MIN) ** (step / STEPS);
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(exact)) - 1);
  return Math.round(exact / unit) * unit;
}

export function stepOf(rate: number): number {
  const bounded = Math.min(RATE_MAX, Math.max(RATE_MIN, rate));
  return Math.round((Math.log(bounded / RATE_MIN) / Math.log(RATE_MAX / RATE_MIN)) * STEPS);
}
