// @vitest-environment jsdom
import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { act, cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";

import { usersQuery } from "~/api/queries";
import { signOut } from "~/api/session";
import { setLanguage, startI18n } from "~/i18n";

import { Gate } from "./Gate";

const TOKEN = "0123456789abcdef";

/** What REP accepts; null while it asks for nothing. */
let valid: string | null;
let client: QueryClient;

function Users() {
  const users = useQuery({ ...usersQuery(), retry: false });
  return <p>{users.data ? `${users.data.items.length} shoppers` : "nothing yet"}</p>;
}

const show = () =>
  render(
    <QueryClientProvider client={client}>
      <Gate>
        <Users />
      </Gate>
    </QueryClientProvider>,
  );

beforeAll(() => startI18n());

beforeEach(() => {
  client = new QueryClient();
  vi.stubGlobal("fetch", (request: Request) =>
    Promise.resolve(valid === null || request.headers.get("authorization") === `Bearer ${valid}` ? Response.json({ items: [{}, {}] }) : Response.json({ title: "A valid token is required", status: 401 }, { status: 401 })),
  );
});

afterEach(async () => {
  cleanup();
  sessionStorage.clear();
  await setLanguage("en");
  vi.unstubAllGlobals();
});

test("nothing is asked where no token is needed", async () => {
  valid = null;
  show();
  await screen.findByText("2 shoppers");
  expect(screen.queryByRole("button", { name: "Sign in" })).toBeNull();
});

test("asks for the token, refuses a wrong one, shows the data for the right one, and asks again after the sign-out", async () => {
  valid = TOKEN;
  const user = userEvent.setup();
  show();
  await screen.findByRole("heading", { name: "This REP asks for an operator token" });
  const field = () => screen.getByLabelText("Operator token");
  expect(document.activeElement).toBe(field());

  await user.keyboard("{Enter}");
  expect((await screen.findByRole("alert")).textContent).toBe("Enter the token first.");

  await user.keyboard("guessed-and-wrong{Enter}");
  await vi.waitFor(() => expect(screen.getByRole("alert").textContent).toBe("This REP does not accept this token."));
  expect(field().getAttribute("aria-invalid")).toBe("true");

  await user.clear(field());
  await user.keyboard(` ${TOKEN} {Enter}`);
  await screen.findByText("2 shoppers");

  act(() => signOut());
  expect(screen.getByText("You are signed out.")).toBeTruthy();
  expect(client.getQueryCache().getAll()).toEqual([]);
});

test("a token that is refused later is asked for again, and what failed is fetched anew", async () => {
  valid = TOKEN;
  const user = userEvent.setup();
  show();
  await user.type(await screen.findByLabelText("Operator token"), `${TOKEN}{Enter}`);
  await screen.findByText("2 shoppers");

  valid = "fedcba9876543210";
  await act(() => client.refetchQueries());
  await screen.findByText("The token is no longer accepted. Enter the one that is valid now.");
  await user.type(screen.getByLabelText("Operator token"), `${valid}{Enter}`);
  await screen.findByText("2 shoppers");
});

test("speaks Korean", async () => {
  valid = TOKEN;
  await setLanguage("ko");
  show();
  await screen.findByRole("heading", { name: "이 REP는 운영자 토큰이 필요합니다" });
  expect(screen.getByRole("button", { name: "로그인" })).toBeTruthy();
});
