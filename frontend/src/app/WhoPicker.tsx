import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { usersQuery } from "~/api/queries";
import { Button } from "~/ui/Button";
import { Icon } from "~/ui/Icon";
import { Popover } from "~/ui/Popover";
import { Skeleton } from "~/ui/States";

import css from "./app.module.css";
import { becomeShopper, newShopperId } from "./shopper";

/** Who the visitor is, and how to become someone else. */
export function WhoPicker({ userId, actionCount }: { userId: string; actionCount?: number }) {
  const { t } = useTranslation();
  return (
    <Popover
      label={t("shop.pickShopper")}
      className={css.whoList}
      trigger={(props) => (
        <button type="button" className={css.whoButton} {...props}>
          <Icon name="user" />
          <span><span className="muted">{t("shop.you")}</span> <strong className="mono">{userId}</strong></span>
          {actionCount !== undefined && <span className="muted num">{t("shop.actions", { count: actionCount })}</span>}
          <Icon name="chevron" size={12} />
        </button>
      )}
    >
      {(close) => (
        <Others
          userId={userId}
          onPick={(id) => {
            becomeShopper(id);
            close();
          }}
        />
      )}
    </Popover>
  );
}

function Others({ userId, onPick }: { userId: string; onPick: (id: string) => void }) {
  const { t } = useTranslation();
  const users = useQuery(usersQuery());
  return (
    <>
      <Button tone="primary" icon="plus" onClick={() => onPick(newShopperId())} className={css.wide}>{t("shop.newShopper")}</Button>
      <p className={css.listHead}>{t("shop.recentShoppers")}</p>
      {users.isPending && <Skeleton height={120} />}
      <ul>
        {users.data?.items.filter((user) => user.userId !== userId).slice(0, 12).map((user) => (
          <li key={user.userId}>
            <button type="button" className={css.listItem} onClick={() => onPick(user.userId)}>
              <span className="mono clip">{user.userId}</span>
              <span className="muted num">{t("shop.actions", { count: user.actionCount })}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
