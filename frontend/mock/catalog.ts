// A small catalogue for development without a backend. Seeded: the same shop at each start.

export interface MockProduct {
  productId: string;
  name: string;
  nameKo: string;
  description: string;
  category: string;
  brand: string;
  price: string;
  currency: string;
  stock: number;
  attributes: Record<string, string>;
  vector: number[];
}

export type Random = () => number;

/** mulberry32: small, seeded, good enough for a mock. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick<T>(random: Random, list: readonly T[]): T {
  const item = list[Math.floor(random() * list.length)];
  if (item === undefined) throw new Error("pick from an empty list");
  return item;
}

type Kind = readonly [en: string, ko: string];

const CATEGORIES: readonly { name: string; brands: readonly string[]; from: number; to: number; kinds: readonly Kind[] }[] = [
  { name: "Camping", brands: ["Norrfjell", "Tarn", "Hyle"], from: 19, to: 480, kinds: [["Two-person tent", "2인용 텐트"], ["Down sleeping bag", "구스다운 침낭"], ["Gas stove", "가스 스토브"], ["Camp lantern", "캠핑 랜턴"], ["Folding chair", "접이식 의자"], ["Trekking pack 45 L", "트레킹 배낭 45L"]] },
  { name: "Running", brands: ["Stride", "Aero One", "Kilo"], from: 15, to: 210, kinds: [["Trail running shoes", "트레일 러닝화"], ["Road running shoes", "로드 러닝화"], ["Running jacket", "러닝 재킷"], ["Hydration vest", "하이드레이션 조끼"], ["Training shorts", "트레이닝 쇼츠"], ["GPS sports watch", "GPS 스포츠 워치"]] },
  { name: "Kitchen", brands: ["Hearth", "Morae", "Oven & Oak"], from: 9, to: 260, kinds: [["Cast-iron pan", "무쇠 팬"], ["Chef's knife", "셰프 나이프"], ["Stock pot", "스톡 포트"], ["Bread tin", "식빵 틀"], ["Mixing bowls", "믹싱 볼 세트"], ["Rice cooker", "전기밥솥"]] },
  { name: "Coffee", brands: ["Brew & Co", "Kettle Lane", "Namsan Roast"], from: 12, to: 690, kinds: [["Espresso machine", "에스프레소 머신"], ["Pour-over kettle", "드립 주전자"], ["Hand grinder", "핸드 그라인더"], ["Ceramic dripper", "세라믹 드리퍼"], ["Coffee beans 1 kg", "원두 1kg"], ["Travel mug", "트래블 머그"]] },
  { name: "Audio", brands: ["Lumen", "Ondas", "Quiet"], from: 29, to: 520, kinds: [["Noise-cancelling headphones", "노이즈 캔슬링 헤드폰"], ["Wireless earbuds", "무선 이어폰"], ["Bookshelf speakers", "북쉘프 스피커"], ["Portable speaker", "휴대용 스피커"], ["Turntable", "턴테이블"], ["USB microphone", "USB 마이크"]] },
  { name: "Computers", brands: ["Northbit", "Typa", "Halden"], from: 19, to: 1890, kinds: [["14-inch laptop", "14인치 노트북"], ["Mechanical keyboard", "기계식 키보드"], ["27-inch monitor", "27인치 모니터"], ["Ergonomic mouse", "인체공학 마우스"], ["USB-C dock", "USB-C 독"], ["Laptop sleeve", "노트북 슬리브"]] },
  { name: "Furniture", brands: ["Plankton", "Halm", "Soban"], from: 49, to: 980, kinds: [["Oak desk", "오크 책상"], ["Lounge chair", "라운지 체어"], ["Floor lamp", "플로어 램프"], ["Bookcase", "책장"], ["Side table", "사이드 테이블"], ["Wool rug", "울 러그"]] },
  { name: "Garden", brands: ["Fernhill", "Spade & Root", "Chorok"], from: 6, to: 180, kinds: [["Watering can", "물뿌리개"], ["Terracotta pot", "테라코타 화분"], ["Pruning shears", "전지가위"], ["Herb seeds", "허브 씨앗"], ["Garden gloves", "원예 장갑"], ["Raised bed", "높임 화단"]] },
  { name: "Books", brands: ["Margin Press", "Haneul Books", "Folio 9"], from: 8, to: 60, kinds: [["Field guide to birds", "새 도감"], ["Novel of the north", "북쪽의 소설"], ["Cookbook of noodles", "국수 요리책"], ["Atlas of rivers", "강의 지도책"], ["Essays on light", "빛에 관한 에세이"], ["Poems for trains", "기차를 위한 시"]] },
  { name: "Toys", brands: ["Knopf", "Little Fox", "Doremi"], from: 7, to: 120, kinds: [["Wooden train", "나무 기차"], ["Building blocks", "블록 세트"], ["Plush bear", "곰 인형"], ["Puzzle 500 pieces", "500조각 퍼즐"], ["Kite", "연"], ["Board game", "보드게임"]] },
  { name: "Clothing", brands: ["Thread North", "Moss", "Han & Sons"], from: 14, to: 320, kinds: [["Wool sweater", "울 스웨터"], ["Linen shirt", "리넨 셔츠"], ["Rain coat", "레인코트"], ["Canvas tote", "캔버스 토트"], ["Leather boots", "가죽 부츠"], ["Knit beanie", "니트 비니"]] },
  { name: "Beauty", brands: ["Sohwa", "Calm Lab", "Petal"], from: 6, to: 140, kinds: [["Face serum", "페이스 세럼"], ["Hand cream", "핸드크림"], ["Sun cream SPF 50", "선크림 SPF 50"], ["Bath salts", "배스 솔트"], ["Cedar soap", "삼나무 비누"], ["Perfume 50 ml", "향수 50ml"]] },
];

export const COLOURS = ["green", "blue", "sand", "red", "black", "teal", "ochre", "plum"] as const;
const COLOURS_KO: Record<string, string> = { green: "그린", blue: "블루", sand: "샌드", red: "레드", black: "블랙", teal: "틸", ochre: "오커", plum: "플럼" };

export const CATEGORY_NAMES = CATEGORIES.map((category) => category.name);
export const VECTOR_LENGTH = 36;

export function normalise(vector: number[]): number[] {
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

/** Builds `perKind` variants of each kind of product. */
export function makeCatalog(seed: number, perKind = 3): MockProduct[] {
  const random = randomFrom(seed);
  const products: MockProduct[] = [];
  CATEGORIES.forEach((category, categoryAt) => {
    category.kinds.forEach(([en, ko], kindAt) => {
      for (let variant = 0; variant < perKind; variant++) {
        const brand = category.brands[variant % category.brands.length] ?? "REP";
        const colour = pick(random, COLOURS);
        const vector = Array.from({ length: VECTOR_LENGTH }, () => (random() - 0.5) * 0.34);
        vector[categoryAt] = (vector[categoryAt] ?? 0) + 1.1;
        vector[12 + ((categoryAt * 6 + kindAt) % 24)] = (vector[12 + ((categoryAt * 6 + kindAt) % 24)] ?? 0) + 0.55;
        const price = category.from + (category.to - category.from) * random() ** 2.2;
        const stock = random() < 0.06 ? 0 : random() < 0.12 ? 1 + Math.floor(random() * 4) : 8 + Math.floor(random() * 180);
        products.push({
          productId: `p-${String(products.length + 1).padStart(4, "0")}`,
          name: `${brand} ${en}, ${colour}`,
          nameKo: `${brand} ${ko} ${COLOURS_KO[colour] ?? ""}`.trim(),
          description: `${en} by ${brand}. Made to be used every day and mended when it breaks; ships in two days.`,
          category: category.name,
          brand,
          price: `${Math.max(4, Math.floor(price))}.${random() < 0.5 ? "90" : "00"}`,
          currency: "EUR",
          stock,
          attributes: { colour },
          vector: normalise(vector),
        });
      }
    });
  });
  return products;
}
