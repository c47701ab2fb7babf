export const en = {
  nav: { label: "Main", shop: "Shop", recommendations: "Recommendations", live: "Live", simulator: "Simulator", notifications: "Notifications", deadLetters: "Dead letters", skip: "Skip to content", recommendationsShort: "Recommend" },
  bar: {
    data: "Data", embedded: "Embedded", cluster: "Cluster", model: "Model", simulator: "Simulator", running: "running", stopped: "stopped", start: "Start simulator", stop: "Stop simulator",
    health: "Health", ok: "All well", degraded: "Degraded", down: "Down", unknown: "Unknown", theme: "Theme", toDark: "Use the dark theme", toLight: "Use the light theme", language: "Language", preferences: "Theme and language", keys: "Keyboard shortcuts",
    bell_one: "Notifications, {{count}} unread", bell_other: "Notifications, {{count}} unread", connecting: "Connecting…", perSecond: "{{rate}}/s",
    checks: "Checks", process: "Process", memory: "Memory", uptime: "Up for", products: "Products embedded", vector: "{{dimensions}} dimensions",
  },
  common: {
    close: "Close", cancel: "Cancel", retry: "Try again", copy: "Copy", copied: "Copied", copyJson: "Copy as JSON", copyCurl: "Copy as curl", traceId: "Trace id", copyTrace: "Copy trace id {{id}}", dismiss: "Dismiss", more: "Load more", loading: "Loading",
    all: "All", any: "Any", none: "None", inStock: "In stock only", category: "Category", price: "Price", stock: "Stock", product: "Product", shopper: "Shopper", apply: "Apply", now: "now", columns: "Columns", sortBy: "Sort by {{name}}", rows_one: "{{count}} row", rows_other: "{{count}} rows", details: "Details",
    last: "last {{seconds}} s", ofTotal: "{{n}} of {{total}}", target: "target",
  },
  error: {
    unreachable: "The server does not answer", unreachableHint: "Is REP running? Start it with `rep up`. This page reconnects by itself.", failed: "This could not be loaded", action: "That did not work", stale: "Connection lost", staleSince: "Connection lost {{ago}}. What you see is from then; reconnecting…", back: "Connected again", notFound: "There is no such page", notFoundHint: "The address may be mistyped.", home: "Go to the shop", crashed: "Something broke on this page",
  },
  auth: {
    page: "Sign in", title: "This REP asks for an operator token", field: "Operator token", kept: "Kept in this tab only, until you close it or sign out.", submit: "Sign in", checking: "Checking…", signOut: "Sign out",
    whereTitle: "Where is it?", where: "In the configuration of this REP: `operator-token` in its `rep.toml`, or the variable `REP_OPERATOR_TOKEN`.", noneTitle: "There is none yet?", none: "`rep token --operator` makes one. Put it there and start REP again.",
    again: "The token is no longer accepted. Enter the one that is valid now.", left: "You are signed out.",
    empty: "Enter the token first.", wrong: "This REP does not accept this token.", shopper: "This is a shopper's token. The dashboard needs an operator's.",
  },
  keys: { title: "Keyboard shortcuts", help: "Show this help", search: "Search", go: "Go to {{page}}", theme: "Switch theme", pause: "Pause the charts (Live)", close: "Close what is open" },
  stock: { out: "Sold out", low_one: "{{count}} left", low_other: "{{count}} left", many: "In stock" },
  act: { VIEW: "saw", CLICK: "looked at", SEARCH: "searched for", ADD_TO_CART: "put in the cart", REMOVE_FROM_CART: "took out of the cart", WISHLIST: "liked", REMOVE_FROM_WISHLIST: "no longer liked", PURCHASE: "bought", DISLIKE: "did not want" },
  actNoun: { VIEW: "View", CLICK: "Click", SEARCH: "Search", ADD_TO_CART: "Add to cart", REMOVE_FROM_CART: "Remove from cart", WISHLIST: "Like", REMOVE_FROM_WISHLIST: "Take back like", PURCHASE: "Purchase", DISLIKE: "Dislike" },
  strategy: { personalized: "Personalised", popular: "Popular", similar: "Similar", hybrid: "Hybrid", lexical: "Lexical", semantic: "Semantic" },
  reason: {
    because: "Because you {{act}} {{product}}", popular: "Popular now", taste: "Near to your taste", similar: "Like {{product}}", short: "like {{product}}", words: "Matches the words of the search", meaning: "Matches the search in meaning", catalogue: "More from the shop",
  },
  shop: {
    title: "Shop", search: "Search the shop", searchPlaceholder: "Search, in English or Korean", clear: "Clear search", results_one: "{{count}} product", results_other: "{{count}} products", resultsFor: "for “{{query}}”",
    you: "You are", newShopper: "New shopper", pickShopper: "Be someone else", recentShoppers: "Recently active shoppers", actions_one: "{{count}} action", actions_other: "{{count}} actions", youNew: "Yourself, new here",
    open: "Look at {{name}}", addCart: "Add to cart", inCart: "In the cart", removeCart: "Remove from cart", like: "Like", unlike: "Take back like", buy: "Buy", bought: "Bought", dislike: "Not for me", looked: "looked at", similar: "Similar",
    hintTitle: "Start here.", hint: "Click two or three products in {{category}} and watch “For you” follow.", hintGo: "Show {{category}}", hintDone: "That is it: each click moved your taste vector.", emptyGrid: "No products here", emptyGridHint: "Try another category or clear the search.",
    noProducts: "The catalogue is empty", noProductsHint: "Import one with `rep import products.jsonl`.", looking: "Product you look at",
    waitProducts: "Loading products…", waitCategories: "Loading categories…", waitMarks: "Loading your cart and likes…", marksFailed: "Your cart and likes could not be loaded.", categoriesFailed: "The categories could not be loaded.",
  },
  forYou: {
    title: "For you", updated: "updated {{ago}}", waiting: "Waiting for your first click", waitingHint: "Until then: popular now.", because: "because you {{act}} {{product}}", becauseSearch: "because you searched for “{{query}}”",
    entered_one: "{{count}} new", entered_other: "{{count}} new", rose_one: "{{count}} up", rose_other: "{{count}} up", same: "Same items, same order", rowNew: "new", up: "up {{count}}", down: "down {{count}}", rank: "Rank {{rank}}", empty: "Nothing to recommend yet", emptyHint: "Products appear here once the catalogue is embedded.", loading: "Loading recommendations…", matching: "match",
    waits_one: "{{count}} action waits for its product to be prepared", waits_other: "{{count}} actions wait for their products to be prepared", waitsNot: "All actions count now",
  },
  preparing: { products_one: "{{n}} product is being prepared", products_other: "{{n}} products are being prepared", hint: "Recommendations and similar products include them once they are ready; until then searches find them by words.", done: "All products are ready" },
  way: {
    title: "This event's way", idle: "Click a product and see each step timed.", accepted: "Accepted", logged: "Logged", vector: "Vector", visible: "Visible", acceptedHint: "the API has it", loggedHint: "durable in the log", vectorHint: "taste vector moved", visibleHint: "new items on screen",
    total: "click to screen", running: "on its way…", failed: "did not arrive", history_one: "last action", history_other: "last {{count}} actions", target: "target {{ms}}", noChange: "no change within {{ms}}", median: "median",
  },
  rec: {
    title: "Recommendations", by: "Recommend by", byUser: "Shopper", byQuery: "Query", user: "Shopper id", query: "Query", queryPlaceholder: "warm things for a cold night", min: "Price from", max: "Price to", currency: "Currency", currencyShop: "shop’s", limit: "Items", compare: "Compare with", compareOff: "Stop comparing", compareStart: "Compare two shoppers", excluded: "Excluded",
    rank: "#", score: "Score", reasons: "Why", parts: "Score made of", similarity: "Similarity", popularity: "Popularity", matching: "Match with the search", diversity: "Already shown (minus)", cosine: "Cosine, as measured", final: "Final", took: "took {{ms}}", overlap: "{{n}} of {{total}} in common", shared: "in both lists", empty: "Nothing matches", emptyHint: "Loosen the filters.", emptyStart: "Whose recommendations?", emptyStartHint: "Pick a shopper above, or switch to a query.", emptyQuery: "What are you looking for?", emptyQueryHint: "Type a few words: names match, and so does meaning.", similarTo: "Similar products", taste: "Taste", tasteNone: "No history: popular items are shown", list: "Recommended items", pickCompare: "Choose a second shopper", useMe: "Me",
  },
  live: {
    title: "Live", window: "Window", pause: "Pause", resume: "Resume", paused: "Paused", minutes: "{{n}} min", throughput: "Events", throughputUnit: "per second", accepted: "Accepted", processed: "Processed", indexed: "Indexed", freshness: "Freshness", freshnessHint: "from action to changed recommendation", stages: "Stage latency, p99", lag: "Consumer lag", lagUnit: "events behind", serving: "Serving", notifications: "Notifications", recommendations: "Recommendations", searches: "Searches", deadLetters: "Dead letters", deadLettersNone: "No dead letters", deadLettersNoneHint: "What cannot be processed is kept here with its reason.",
    append: "Log append", vector: "Vector", recommend: "Recommend", notify: "Notify", histogram: "How long", histogramOf: "{{name}}: distribution", stage: "Stage", count: "count", empty: "Nothing flows", emptyHint: "Start the simulator and watch this page come alive.", startSim: "Go to the simulator", partitions: "Lag by partition", topic: "Topic", group: "Group", partition: "Partition", end: "End", committed: "Committed", behind: "Lag", reason: "Reason", offset: "Offset", when: "When", tail: "Actions as they come", tailHint: "the newest, once a second", tailEmpty: "No actions yet", waiting: "Waiting for the first second…", total: "{{n}} kept", kept: "kept", totalOf: { accepted: "{{n}} events since start", processed: "{{n}} events since start", notifications: "{{n}} sent since start" }, notCounted: "not counted here", notMeasured: "Nothing measured in the last {{seconds}} s", overTarget: "above target", updated: "Updated {{ago}}", ratesOver: "rates over the last {{seconds}} s", since: "drawn since {{time}}", resetZoom: "Reset zoom", caughtUp: "caught up", zoom: "drag to zoom", barTarget: "target 100 ms",
  },
  dlq: {
    title: "Dead letters", intro: "Records that could not be processed. Open one to see what it says, and to write it again.", newest: "Newest first", kept_one: "{{n}} kept", kept_other: "{{n}} kept", refresh: "Refresh", all: "All dead letters", reason: "Reason", topic: "Topic", what: "What was wrong", record: "Record", id: "Id", when: "Given up", place: "partition {{partition}}, offset {{offset}}", replayed: "replayed",
    noneMatch: "None matches", noneSoFar: "None matches so far", noneMatchHint_one: "{{n}} is kept, whatever its reason and topic.", noneMatchHint_other: "{{n}} are kept, whatever their reason and topic.", clear: "Show all", stale: "The list could not be brought up to date.",
    letter: "Dead letter {{id}}", key: "Key", group: "By", attempts_one: "after {{count}} attempt", attempts_other: "after {{count}} attempts", size: "Size", cut: "only the beginning is kept here", says: "What the record says", undecoded: "It cannot be decoded:", payload: "Payload", firstBytes: "Its first {{n}} bytes.", allBytes: "All its bytes.",
    why: { INVALID: "An event that breaks a rule, such as the bounds of its time.", REFUSED: "A store refuses the record, and always will.", CORRUPT: "What a store has for the record cannot be read.", PANIC: "A defect of REP's own.", BAD_LENGTH: "The bytes are no event: too few of them.", BAD_MAGIC: "The bytes are no event: they begin with the wrong one.", UNKNOWN_SCHEMA: "The bytes name a schema that is not known.", MALFORMED: "The bytes are no event of their schema." },
    replay: "Replay", replayHint: "Writes the record again to its topic. An event that had its effect before has none again.", asItWas: "Replay as it was", repair: "Repair it first", sending: "Replaying…",
    editor: "Repaired event, as JSON", idStays: "It stays the same event: leave `{{field}}` as it is.", idGiven: "Nothing can be read of the record. Without `{{field}}` the event gets one of the record's place, the same each time.", sendRepaired: "Replay the repaired event", startOver: "Start over", notJson: "This is not JSON: {{message}}", notJsonAt: "This is not JSON: look at line {{line}}, column {{column}}.", notObject: "An event is an object: `{ … }`",
    refused: "Not replayed", refusedHint: "What would only become a dead letter again is better repaired first. Replayed all the same, it is tried once more, and probably comes back here.", refusedForced: "This cannot be forced.", force: "Replay all the same", done: "Written again. The record stands now at", stays: "the letter stays in the list, for as long as the log keeps it.",
  },
  sim: {
    title: "Simulator", intro: "Virtual shoppers who look, search, carry and buy.", state: "State", running: "Running", stopped: "Stopped", starting: "Starting…", start: "Start", stop: "Stop", rate: "Rate", rateUnit: "events per second", users: "Shoppers", seed: "Seed", seedHint: "The same seed replays the same crowd.", scenario: "Scenario", actual: "Actual", target: "Target", chart: "Actual and target rate", totals: "Since start", since: "since {{time}}", confirmStop: "Stop the simulator?", confirmStopHint: "The shoppers go home; counters stay. You can start it again at any time.", liveHint: "Rate and scenario change at once, without a restart. Shoppers and seed take effect at the next start.", stoppedHint: "The simulator is stopped.", restart: "Restart with these", unavailable: "The simulator is not part of this run", unavailableHint: "Start REP without `--no-simulator`.", ofTarget: "{{percent}} of target", setup: "Crowd",
    total: { events: "Events", sessions: "Visits", priceChanges: "Price changes", stockChanges: "Stock changes", late: "Late events" },
    scenarios: {
      steady: { name: "Steady", text: "An ordinary day." },
      "flash-sale": { name: "Flash sale", text: "One category at half price; everybody runs there." },
      "price-war": { name: "Price war", text: "Brands undercut each other: many price drops, many notifications." },
      "cold-start": { name: "Cold start", text: "Mostly people never seen before." },
      "bot-attack": { name: "Bot attack", text: "A few machines hammer the shop." },
      viral: { name: "Viral", text: "Everybody looks at one product." },
      "holiday-rush": { name: "Holiday rush", text: "Gifts must be bought." },
      restock: { name: "Restock", text: "Favourites sell out and come back." },
    },
  },
  notif: {
    title: "Notifications", inbox: "Inbox", unread_one: "{{count}} unread", unread_other: "{{count}} unread", live: "live", empty: "Nothing yet", emptyHint: "Put a product in your cart, then drop its price under “Change a product”.", markRead: "Mark as read", markAll: "Mark all as read", settings: "Settings", channels: "Channels", kinds: "Tell me about", inApp: "In the app", push: "Push (simulated)", sms: "SMS (simulated)", priceDrop: "Price drops", backInStock: "Back in stock", lowStock: "Last few", saved: "Saved",
    change: "Change a product", changeHint: "Drop a price and watch the people who care hear of it.", pick: "Product", mine: "Yours", search: "Find a product", newPrice: "New price", newStock: "New stock", apply: "Change it", applied: "Changed. Waiting for the notification…", arrivedIn: "Arrived {{ms}} after the change", noArrival: "Changed. No notification for you: you have not shown interest in it, the change is too small, it was as cheap in the last 30 days, or it is switched off.", cartFirst: "Put this product in my cart first", carted: "In your cart", toRestore: "Put it back to {{price}}", mineEmpty: "Nothing of yours yet: look at or carry products in the shop first.", gap: "Some notifications were missed while away; the inbox is complete.",
    kind: { PRICE_DROP: "Price drop", BACK_IN_STOCK: "Back in stock", LOW_STOCK: "Last few", SUMMARY: "And more", UNKNOWN: "News" },
    more: { cheaper_one: "{{count}} more is cheaper", cheaper_other: "{{count}} more are cheaper", news_one: "{{count}} more has news", news_other: "{{count}} more have news" },
    moreOf: { CARTED: "in your cart", WISHLISTED: "on your wishlist", VIEWED: "of what you looked at", SIMILAR: "near to your taste", UNKNOWN: "for you" },
    reason: { CARTED: "in your cart", WISHLISTED: "you liked it", VIEWED: "you looked at it", SIMILAR: "near to your taste", UNKNOWN: "for you" },
    was: "was {{price}}", nowPrice: "now {{price}}", nowStock_one: "{{count}} piece", nowStock_other: "{{count}} pieces", arrived: "New notification", restored: "Price restored",
  },
};

type Texts<T> = { [K in keyof T]: T[K] extends string ? string : Texts<T[K]> };

/** What every language must say. */
export type Messages = Texts<typeof en>;
