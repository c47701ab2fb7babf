import "./styles/tokens.css";
import "./styles/base.css";

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { isRetryable } from "./api/client";
import { router } from "./app/router";
import { startI18n } from "./i18n";

const RETRIES_MAX = 2;

const client = new QueryClient({
  defaultOptions: {
    queries: { retry: (count, error) => count < RETRIES_MAX && isRetryable(error), staleTime: 2000 },
  },
});

async function start(): Promise<void> {
  const root = document.getElementById("root");
  if (!root) throw new Error("index.html has no #root");
  await startI18n();
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}

void start();
