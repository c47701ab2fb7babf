import { useState } from "react";

import { ProductArt } from "./ProductArt";

interface Pictured {
  productId: string;
  name: string;
  category: string;
  imageUrl?: string | null | undefined;
  attributes?: Record<string, string> | null | undefined;
}

/** The shop's own picture where it has one that loads; our drawing otherwise. */
export function ProductPicture({ product, className }: { product: Pictured; className?: string | undefined }) {
  const [broken, setBroken] = useState(false);
  if (product.imageUrl && !broken) {
    return <img src={product.imageUrl} alt="" loading="lazy" className={className} style={{ objectFit: "cover" }} onError={() => setBroken(true)} />;
  }
  return <ProductArt productId={product.productId} name={product.name} category={product.category} className={className} />;
}
