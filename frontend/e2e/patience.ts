/**
 * How long a check may take before it counts as failed: the one bound of all that is waited for here, in milliseconds.
 *
 * It is for a machine that is slow and busy, where a cluster embeds its catalogue beside the tests, and costs nothing
 * where the condition comes sooner. What must be fast is measured by `rep bench`, not here.
 */
export const PATIENCE_MS = 120_000;
/** How long a test may take, however many conditions it waits for. */
export const TEST_MS_MAX = 6 * PATIENCE_MS;
/** Between two attempts of what cannot be waited for by looking alone, such as a reload. */
export const AGAIN_MS = 5000;
