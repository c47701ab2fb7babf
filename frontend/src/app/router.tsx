import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link, parseSearchWith, stringifySearchWith } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { StateNote } from "~/ui/States";

import { ErrorNote } from "./ErrorNote";
import { Frame } from "./Frame";
import { Gate } from "./Gate";
import { parseDeadLetters, parseLive, parseNotifications, parseRecommendations, parseShop, parseValue } from "./search";

function NotFound() {
  const { t } = useTranslation();
  return (
    <StateNote icon="search" title={t("error.notFound")} text={t("error.notFoundHint")}>
      <Link to="/">{t("error.home")}</Link>
    </StateNote>
  );
}

function Root() {
  return (
    <Gate>
      <Frame />
    </Gate>
  );
}

const root = createRootRoute({ component: Root, notFoundComponent: NotFound, errorComponent: ({ error, reset }) => <ErrorNote error={error} onRetry={reset} /> });

const shop = createRoute({ getParentRoute: () => root, path: "/", validateSearch: parseShop, component: lazyRouteComponent(() => import("~/features/shop/ShopPage"), "ShopPage") });

const recommendations = createRoute({
  getParentRoute: () => root,
  path: "/recommendations",
  validateSearch: parseRecommendations,
  component: lazyRouteComponent(() => import("~/features/recommendations/RecommendationsPage"), "RecommendationsPage"),
});

const live = createRoute({ getParentRoute: () => root, path: "/live", validateSearch: parseLive, component: lazyRouteComponent(() => import("~/features/live/LivePage"), "LivePage") });

const deadLetters = createRoute({
  getParentRoute: () => root,
  path: "/live/dead-letters",
  validateSearch: parseDeadLetters,
  component: lazyRouteComponent(() => import("~/features/deadLetters/DeadLettersPage"), "DeadLettersPage"),
});

const simulator = createRoute({ getParentRoute: () => root, path: "/simulator", component: lazyRouteComponent(() => import("~/features/simulator/SimulatorPage"), "SimulatorPage") });

const notifications = createRoute({
  getParentRoute: () => root,
  path: "/notifications",
  validateSearch: parseNotifications,
  component: lazyRouteComponent(() => import("~/features/notifications/NotificationsPage"), "NotificationsPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([shop, recommendations, live, deadLetters, simulator, notifications]),
  parseSearch: parseSearchWith(parseValue),
  stringifySearch: stringifySearchWith(JSON.stringify, parseValue),
  defaultPreload: "intent",
  defaultErrorComponent: ({ error, reset }) => <ErrorNote error={error} onRetry={reset} />,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
