// Who the dashboard is to REP. Where nobody asks for a token, it has none and stays open.
import { recallInTab, rememberInTab } from "~/lib/storage";
import { Store, useStore } from "~/lib/store";

const KEY = "token";

/** Why a token is asked for: there was none, the one there was is refused, or its owner signed out. */
export type Asked = "first" | "again" | "left";

interface Session {
  token: string | null;
  asked: Asked | null;
}

// Only in this tab and only in headers: an address would stand in logs and histories.
const session = new Store<Session>({ token: recallInTab(KEY), asked: null });

export function useSession(): Session {
  return useStore(session);
}

export function hasToken(): boolean {
  return session.get().token !== null;
}

/** From now on every request carries `token`, which REP has accepted. */
export function keepToken(token: string): void {
  rememberInTab(KEY, token);
  session.set({ token, asked: null });
}

export function signOut(): void {
  forget("left");
}

function forget(asked: Asked): void {
  rememberInTab(KEY, null);
  session.set({ token: null, asked });
}

/** The headers of a request that tries out `token`. */
export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** Sends a request as who is signed in, and notices when REP asks who that is. */
export async function send(request: Request): Promise<Response> {
  const { token } = session.get();
  const tried = request.headers.has("authorization");
  if (token !== null && !tried) request.headers.set("authorization", bearer(token).authorization);
  // Looked up at each call, so that tests may put their own in place.
  const response = await globalThis.fetch(request);
  const now = session.get();
  // An answer to an earlier token says nothing of the one there is now.
  if (response.status === 401 && !tried && now.token === token && now.asked === null) forget(token === null ? "first" : "again");
  return response;
}
