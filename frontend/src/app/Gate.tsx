import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";

import { useSession } from "~/api/session";
import { dismissToasts } from "~/ui/Toasts";

import { SignIn } from "./SignIn";

/** Shows the dashboard; the sign-in in its place while REP asks for a token. */
export function Gate({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const { asked } = useSession();
  useEffect(() => {
    if (asked === null) return;
    // Nothing that was seen stays behind, and what failed for want of a token is asked for again after it.
    client.clear();
    dismissToasts();
  }, [asked, client]);
  return asked === null ? children : <SignIn asked={asked} />;
}
