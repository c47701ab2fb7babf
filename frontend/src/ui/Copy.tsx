import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "./Button";

interface CopyButtonProps {
  text: () => string;
  label: string;
}

/** Puts a text on the clipboard and says so for a moment. */
export function CopyButton({ text, label }: CopyButtonProps) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);

  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1600);
    return () => clearTimeout(timer);
  }, [copied]);

  const copy = () => {
    // Missing on plain http; there is nothing better to offer there.
    void (navigator.clipboard as Clipboard | undefined)?.writeText(text()).then(() => setCopied(true));
  };

  return (
    <Button small icon={copied ? "check" : "copy"} onClick={copy}>
      <span aria-live="polite">{copied ? t("common.copied") : label}</span>
    </Button>
  );
}
