// How a product is called in the page's language.
import type { Locale } from "~/lib/format";

interface Named {
  name: string;
  nameKo?: string | null | undefined;
}

export function nameOf(product: Named, locale: Locale): string {
  return locale === "ko" && product.nameKo ? product.nameKo : product.name;
}
