import { useEffect, useState } from "react";

/** What takes longer than this is noticed. */
const NOTICED_MS = 300;

/** Whether `waiting` has held for longer than one notices: what comes at once is not announced. */
export function useLate(waiting: boolean): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!waiting) return;
    const timer = setTimeout(() => setLate(true), NOTICED_MS);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [waiting]);
  return waiting && late;
}
