import { getRouteApi } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { useShopper } from "~/app/shopper";

import { ChangeProduct } from "./ChangeProduct";
import { Inbox } from "./Inbox";
import css from "./notif.module.css";
import { Settings } from "./Settings";

const route = getRouteApi("/notifications");

/** A shopper's inbox, live; and a way to make something happen: change a price and watch who hears of it. */
export function NotificationsPage() {
  const { t } = useTranslation();
  const userId = useShopper();
  const { product } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <div className={css.page}>
      <h1 className="sr-only">{t("notif.title")}</h1>
      <div className={css.column}>
        <Inbox key={userId} userId={userId} />
      </div>
      <div className={css.column}>
        <ChangeProduct key={userId} userId={userId} productId={product} onPick={(id) => void navigate({ search: (before) => ({ ...before, product: id }), replace: true, resetScroll: false })} />
        <Settings userId={userId} />
      </div>
    </div>
  );
}
