import { hash32 } from "~/lib/id";

import type { Motif } from "./motifs";

/** Words of a name and what to draw; where two end at the same place, the first counts. */
const RULES: readonly (readonly [RegExp, Motif])[] = [
  [/\btents?\b|tarp|hammock|shelter/, "tent"], [/pushchair|pram|stroller|buggy/, "pram"], [/baby carrier|backpack/, "backpack"], [/dog bed|cat bed|pet bed/, "petBed"], [/cat tree|scratching/, "catTree"], [/\blead\b|leash|harness|collar/, "lead"], [/pet carrier|litter box|crate/, "carrier"], [/chew|bone\b/, "chew"], [/feeder/, "cooker"], [/feeding set/, "bowls"], [/remote-control car|toy car|racing car/, "car"], [/science kit|experiment/, "flask"], [/play kitchen/, "stove"], [/romper|onesie|bodysuit/, "romper"], [/sleeping bag|duvet|\bquilt\b|blanket|swaddle|bedding/, "sleeping"], [/back ?pack|rucksack|trekking pack|hydration vest/, "backpack"],
  [/suitcase|luggage|trolley case/, "suitcase"], [/wallet|purse|card holder/, "wallet"], [/necklace|pendant necklace|chain\b/, "necklace"], [/earrings?\b|studs\b/, "earrings"], [/bracelet|bangle/, "bracelet"], [/\bring\b/, "ring"],
  [/violin|cello|viola/, "violin"], [/guitar|ukulele|banjo|bass\b/, "guitar"], [/piano|synth|organ\b/, "piano"], [/drums?\b|cajon|bongo/, "drum"], [/radio/, "radio"],
  [/sofa|couch|settee/, "sofa"], [/bed frame|\bbed\b|mattress/, "bed"], [/mirror/, "mirror"], [/clock/, "clock"], [/vase/, "vase"], [/cushion|pillow/, "cushion"], [/chopping board|cutting board/, "board"], [/containers?\b|lunch box|storage box/, "container"], [/cool box|cooler/, "cooler"],
  [/kettlebell/, "kettlebell"], [/dumbbells?|barbell|weights/, "dumbbell"], [/rope|bands?\b/, "rope"], [/treadmill|rowing machine|elliptical/, "treadmill"], [/poles?\b/, "poles"], [/lock\b/, "lock"], [/exercise bike/, "bike"],
  [/stand mixer|food processor/, "machine"], [/blender|cold brew|matcha/, "mug"], [/baby monitor|webcam|tripod/, "camera"], [/lip balm/, "jar"],
  [/earbud|earphone|in-ear/, "earbuds"], [/headphone|headset/, "headphones"], [/turntable|record player|vinyl/, "turntable"], [/micro ?phone/, "microphone"], [/speaker|soundbar|subwoofer/, "speaker"],
  [/lantern|candle|torch|headlamp|flashlight/, "lantern"], [/\blamp|light bulb|\blights?\b/, "lamp"], [/espresso|coffee machine|toaster|microwave|oven|washer|printer/, "machine"], [/rice cooker|cooker|air fryer|blender|humidifier/, "cooker"], [/stove|burner|grill|barbecue/, "stove"],
  [/kettle|watering can|teapot|pitcher/, "kettle"], [/dripper|funnel|pour.?over|filter cone/, "dripper"], [/\bmug|tumbler|\bcup\b|flask|thermos|grinder/, "mug"], [/\bpan\b|skillet|wok|griddle/, "pan"], [/\bpot\b.*(stock|dutch)|stock pot|dutch oven|saucepan|casserole/, "pot"], [/knife|cleaver|blade|chopper/, "knife"], [/shears|scissors|pruner|secateur|trimmer/, "shears"], [/bowl|plate|dish|tin\b|tray|dinner/, "bowls"],
  [/terracotta|planter|plant|herb|tree|bonsai|raised bed|flower|succulent/, "plant"], [/beans?\b|seeds?|tea\b|ground coffee|granola|snack|spice|coffee/, "pouch"], [/glove|mitten/, "gloves"], [/\bhoe\b|\brake\b|spade|shovel|hammer|drill|wrench|screwdriver|\btools?\b|\bsaw\b|\baxe\b/, "tool"],
  [/laptop sleeve|tote|handbag|shopper bag|weekender|\bbag\b|sleeve/, "tote"], [/laptop|notebook pc|ultrabook|chromebook|macbook/, "laptop"], [/keyboard/, "keyboard"], [/monitor|display|\btv\b|television|projector/, "monitor"], [/\bmouse\b|trackball/, "mouse"], [/phone|tablet|e-?reader|console|power ?bank|charger|router|dock|hub|\bssd\b/, "phone"], [/camera|lens|binocular|tripod|drone/, "camera"], [/watch|tracker|wristband/, "watch"],
  [/sandal|sneaker|running shoe|trainers|\bshoes?\b|cleats|loafers?|slippers/, "shoe"], [/boots?\b/, "boot"], [/coat|parka|jacket|blazer|anorak|windbreaker/, "coat"], [/shorts/, "shorts"], [/trousers|jeans|pants|leggings|tights|pyjama/, "trousers"], [/skirt/, "skirt"], [/dress\b|gown/, "dress"], [/suit\b/, "coat"], [/beanie|\bhat\b|\bcap\b|helmet/, "hat"], [/sweater|shirt|hoodie|cardigan|fleece|jersey|jumper|blouse|vest|polo|t-shirt|base layer/, "top"],
  [/chair|stool|bench|armchair|seat/, "chair"], [/bookcase|shelf|shelving|cabinet|dresser|wardrobe|rack/, "bookcase"], [/\bdesk|\btable\b|nightstand/, "table"], [/\brug\b|carpet|doormat|curtain|towel/, "rug"], [/yoga|\bmat\b|foam roller|sleeping pad/, "mat"],
  [/puzzle|jigsaw/, "puzzle"], [/train|toy car|truck|locomotive/, "train"], [/block|brick|lego|construction set|stacking/, "blocks"], [/bear|plush|doll|stuffed|teddy/, "bear"], [/\bkite\b/, "kite"], [/board game|dice|card game|chess|\bgame\b/, "game"], [/ball\b|dumbbell|kettlebell|racket/, "ball"], [/bike|bicycle|cycling|scooter/, "bike"],
  [/perfume|fragrance|cologne|eau de/, "perfume"], [/soap|bar\b|sponge/, "soap"], [/cream|tube|toothpaste|sunscreen|lotion|cleanser|paste/, "tube"], [/serum|bottle|oil\b|shampoo|toner|wine|juice|spray|sauce|syrup/, "bottle"], [/salts|jar|balm|mask|honey|jam|vitamin|supplement|powder/, "jar"], [/book|novel|essay|poem|guide|stories|diary|notebook|planner|manga|comic|history of/, "book"],
];

const BY_CATEGORY: readonly (readonly [RegExp, Motif])[] = [
  [/camp|outdoor|hik|travel/, "tent"], [/run|shoe|foot/, "shoe"], [/sport|fitness|gym/, "ball"], [/kitchen|cook/, "pot"], [/coffee|tea/, "mug"], [/audio|music|sound/, "headphones"], [/comput|electronic|tech|gadget|office/, "laptop"], [/phone|mobile/, "phone"], [/photo|camera/, "camera"], [/furnit|home|living|interior/, "chair"], [/garden|plant/, "plant"], [/book|read|media/, "book"], [/toy|kid|baby|child/, "bear"], [/game/, "game"], [/cloth|fashion|apparel|wear/, "top"], [/beauty|cosmetic|health|care/, "bottle"], [/food|grocer|drink|snack/, "food"], [/tool|hardware|diy/, "tool"], [/bike|cycl/, "bike"], [/pet/, "bear"], [/bag|accessor/, "tote"], [/jewel|watch/, "watch"], [/light/, "lamp"],
];

/** Where the last match ends; 0 where there is none. */
function endOf(rule: RegExp, words: string): number {
  let end = 0;
  for (const match of words.matchAll(new RegExp(rule, "g"))) end = match.index + match[0].length;
  return end;
}

/** Which drawing fits a product. English says what a thing is at the end ("Kettle Lane travel mug"): the last match wins. */
export function chooseMotif(name: string, category: string): Motif {
  const words = (name.split(/,| by /)[0] ?? name).toLowerCase();
  const kind = category.toLowerCase();
  let best: Motif | undefined;
  let bestEnd = 0;
  for (const [rule, motif] of RULES) {
    const end = endOf(rule, words);
    if (end > bestEnd) [best, bestEnd] = [motif, end];
  }
  return best ?? BY_CATEGORY.find(([rule]) => rule.test(kind))?.[1] ?? "parcel";
}

export interface Palette {
  a: string;
  b: string;
  c: string;
  ground: string;
  glow: string;
}

type Hsl = readonly [hue: number, saturation: number, lightness: number];

const NAMED: readonly (readonly [RegExp, Hsl])[] = [
  [/black|charcoal|graphite|onyx|coal/, [220, 8, 20]], [/white|ivory|cream|snow|chalk/, [40, 20, 82]], [/grey|gray|silver|slate|steel|stone|ash/, [215, 10, 56]], [/navy|indigo|midnight/, [228, 42, 38]], [/teal|turquoise|cyan|aqua|petrol/, [182, 48, 38]], [/olive|khaki|moss/, [72, 30, 42]], [/green|forest|sage|mint|emerald|pine/, [148, 36, 40]], [/blue|azure|sky|cobalt|ocean/, [214, 56, 50]], [/burgundy|wine|maroon/, [348, 44, 36]], [/red|scarlet|crimson|brick|ruby/, [6, 60, 52]], [/coral|salmon|peach/, [14, 68, 66]], [/orange|rust|amber|copper|terracotta/, [24, 64, 52]], [/yellow|mustard|ochre|gold|lemon/, [42, 66, 52]], [/pink|rose|blush/, [342, 52, 68]], [/purple|plum|violet|lilac|lavender/, [288, 30, 48]], [/brown|walnut|tan|chestnut|cocoa|camel/, [26, 36, 40]], [/sand|beige|natural|oat|linen|oak/, [36, 36, 64]],
];

const TINTS: readonly Hsl[] = [[214, 52, 50], [168, 40, 40], [24, 60, 54], [340, 46, 58], [46, 62, 52], [262, 34, 54], [196, 50, 44], [8, 56, 54], [132, 32, 44], [300, 26, 50]];

const hsl = (hue: number, saturation: number, lightness: number) => `hsl(${Math.round(hue)} ${Math.round(saturation)}% ${Math.round(Math.max(6, Math.min(95, lightness)))}%)`;

/** The colours of a picture: the thing's from its name or id, the ground's from its category. */
export function choosePalette(name: string, category: string, id: string, colour = ""): Palette {
  const seed = hash32(id);
  // "Alder Oak Desk, Olive, L": the last part that is a colour says it; words before the comma may only sound like one.
  const parts = [colour, ...name.split(",").reverse()].map((part) => part.toLowerCase());
  const named = parts.map((part) => NAMED.find(([rule]) => rule.test(part))?.[1]).find((found) => found !== undefined);
  const [h, s, l] = named ?? TINTS[seed % TINTS.length] ?? [214, 52, 50];
  const ground = (hash32(category) % 24) * 15 + (seed % 31) - 15;
  return { a: hsl(h, s, l), b: hsl(h, s, l - 12), c: hsl(h, Math.max(14, s - 6), l + 18), ground: `hsl(${ground} var(--art-ground, 24% 90%))`, glow: `hsl(${ground} var(--art-glow, 30% 96%))` };
}
