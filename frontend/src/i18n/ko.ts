import type { Messages } from "./en";

export const ko: Messages = {
  nav: { label: "주 메뉴", shop: "상점", recommendations: "추천", live: "실시간", simulator: "시뮬레이터", notifications: "알림", deadLetters: "데드 레터", skip: "본문으로 건너뛰기", recommendationsShort: "추천" },
  bar: {
    data: "데이터", embedded: "내장", cluster: "클러스터", model: "모델", simulator: "시뮬레이터", running: "실행 중", stopped: "정지", start: "시뮬레이터 시작", stop: "시뮬레이터 정지",
    health: "상태", ok: "정상", degraded: "일부 이상", down: "중단", unknown: "알 수 없음", theme: "테마", toDark: "어두운 테마로", toLight: "밝은 테마로", language: "언어", preferences: "테마와 언어", keys: "단축키",
    bell_one: "알림, 읽지 않음 {{count}}개", bell_other: "알림, 읽지 않음 {{count}}개", connecting: "연결 중…", perSecond: "초당 {{rate}}",
    checks: "점검", process: "프로세스", memory: "메모리", uptime: "가동 시간", products: "임베딩된 상품", vector: "{{dimensions}}차원",
  },
  common: {
    close: "닫기", cancel: "취소", retry: "다시 시도", copy: "복사", copied: "복사됨", copyJson: "JSON으로 복사", copyCurl: "curl로 복사", traceId: "추적 ID", copyTrace: "추적 ID {{id}} 복사", dismiss: "닫기", more: "더 보기", loading: "불러오는 중",
    all: "전체", any: "모두", none: "없음", inStock: "재고 있음만", category: "분류", price: "가격", stock: "재고", product: "상품", shopper: "고객", apply: "적용", now: "지금", columns: "열", sortBy: "{{name}} 기준 정렬", rows_one: "{{count}}행", rows_other: "{{count}}행", details: "상세",
    last: "최근 {{seconds}}초", ofTotal: "{{total}} 중 {{n}}", target: "목표",
  },
  error: {
    unreachable: "서버가 응답하지 않습니다", unreachableHint: "REP가 실행 중인가요? `rep up`으로 시작하세요. 이 화면은 자동으로 다시 연결됩니다.", failed: "불러오지 못했습니다", action: "처리하지 못했습니다", stale: "연결 끊김", staleSince: "{{ago}} 연결이 끊겼습니다. 그때까지의 값이며 다시 연결하는 중입니다…", back: "다시 연결되었습니다", notFound: "없는 페이지입니다", notFoundHint: "주소를 확인해 주세요.", home: "상점으로 가기", crashed: "이 페이지에 문제가 생겼습니다",
  },
  auth: {
    page: "로그인", title: "이 REP는 운영자 토큰이 필요합니다", field: "운영자 토큰", kept: "탭을 닫거나 로그아웃할 때까지 이 탭에만 보관합니다.", submit: "로그인", checking: "확인 중…", signOut: "로그아웃",
    whereTitle: "어디에 있나요?", where: "이 REP의 설정에 있습니다. `rep.toml`의 `operator-token` 또는 환경 변수 `REP_OPERATOR_TOKEN`입니다.", noneTitle: "아직 없나요?", none: "`rep token --operator`로 만들어 설정에 넣고 REP를 다시 시작하세요.",
    again: "더 이상 유효하지 않은 토큰입니다. 지금 유효한 토큰을 입력하세요.", left: "로그아웃했습니다.",
    empty: "먼저 토큰을 입력하세요.", wrong: "이 REP가 받아들이지 않는 토큰입니다.", shopper: "고객용 토큰입니다. 대시보드에는 운영자 토큰이 필요합니다.",
  },
  keys: { title: "단축키", help: "이 도움말 보기", search: "검색", go: "{{page}}(으)로 이동", theme: "테마 전환", pause: "차트 일시정지 (실시간)", close: "열린 창 닫기" },
  stock: { out: "품절", low_one: "{{count}}개 남음", low_other: "{{count}}개 남음", many: "재고 있음" },
  act: { VIEW: "본", CLICK: "살펴본", SEARCH: "검색한", ADD_TO_CART: "장바구니에 담은", REMOVE_FROM_CART: "장바구니에서 뺀", WISHLIST: "찜한", REMOVE_FROM_WISHLIST: "찜을 취소한", PURCHASE: "구매한", DISLIKE: "원하지 않은" },
  actNoun: { VIEW: "노출", CLICK: "클릭", SEARCH: "검색", ADD_TO_CART: "장바구니 담기", REMOVE_FROM_CART: "장바구니 빼기", WISHLIST: "찜", REMOVE_FROM_WISHLIST: "찜 취소", PURCHASE: "구매", DISLIKE: "관심 없음" },
  strategy: { personalized: "개인화", popular: "인기", similar: "유사", hybrid: "하이브리드", lexical: "어휘", semantic: "의미" },
  reason: {
    because: "{{act}} {{product}} 때문에", popular: "지금 인기", taste: "취향에 가까움", similar: "{{product}}와(과) 비슷함", short: "{{product}}와(과) 비슷함", words: "검색어의 단어와 일치", meaning: "검색어와 의미가 일치", catalogue: "상점의 다른 상품",
  },
  shop: {
    title: "상점", search: "상점 검색", searchPlaceholder: "한국어나 영어로 검색", clear: "검색 지우기", results_one: "상품 {{count}}개", results_other: "상품 {{count}}개", resultsFor: "“{{query}}” 결과",
    you: "현재 고객", newShopper: "새 고객", pickShopper: "다른 고객 되기", recentShoppers: "최근 활동한 고객", actions_one: "행동 {{count}}회", actions_other: "행동 {{count}}회", youNew: "처음 온 나",
    open: "{{name}} 보기", addCart: "장바구니 담기", inCart: "장바구니에 있음", removeCart: "장바구니에서 빼기", like: "찜하기", unlike: "찜 취소", buy: "구매", bought: "구매함", dislike: "관심 없음", looked: "살펴봄", similar: "비슷한 상품",
    hintTitle: "여기서 시작하세요.", hint: "{{category}} 상품을 두세 개 클릭하고 “추천 상품”이 따라오는 것을 보세요.", hintGo: "{{category}} 보기", hintDone: "바로 그겁니다. 클릭할 때마다 취향 벡터가 움직였습니다.", emptyGrid: "상품이 없습니다", emptyGridHint: "다른 분류를 고르거나 검색을 지워 보세요.",
    noProducts: "카탈로그가 비어 있습니다", noProductsHint: "`rep import products.jsonl`로 가져오세요.", looking: "보고 있는 상품",
    waitProducts: "상품을 불러오는 중…", waitCategories: "분류를 불러오는 중…", waitMarks: "장바구니와 찜 목록을 불러오는 중…", marksFailed: "장바구니와 찜 목록을 불러오지 못했습니다.", categoriesFailed: "분류를 불러오지 못했습니다.",
  },
  forYou: {
    title: "추천 상품", updated: "{{ago}} 갱신", waiting: "첫 클릭을 기다리는 중", waitingHint: "그때까지는 인기 상품입니다.", because: "{{act}} {{product}} 때문에", becauseSearch: "“{{query}}” 검색 때문에",
    entered_one: "새로 {{count}}개", entered_other: "새로 {{count}}개", rose_one: "{{count}}개 상승", rose_other: "{{count}}개 상승", same: "같은 상품, 같은 순서", rowNew: "신규", up: "{{count}}계단 상승", down: "{{count}}계단 하락", rank: "{{rank}}위", empty: "아직 추천할 상품이 없습니다", emptyHint: "카탈로그가 임베딩되면 여기에 나타납니다.", loading: "추천 상품을 불러오는 중…", matching: "일치도",
    waits_one: "행동 {{count}}건이 상품 준비를 기다리는 중입니다", waits_other: "행동 {{count}}건이 상품 준비를 기다리는 중입니다", waitsNot: "모든 행동이 반영되었습니다",
  },
  preparing: { products_one: "상품 {{n}}개를 준비하는 중입니다", products_other: "상품 {{n}}개를 준비하는 중입니다", hint: "준비되면 추천과 비슷한 상품에 나타납니다. 검색은 그때까지 단어로 찾습니다.", done: "모든 상품이 준비되었습니다" },
  way: {
    title: "이 이벤트의 경로", idle: "상품을 클릭하면 단계별 시간이 나옵니다.", accepted: "접수", logged: "기록", vector: "벡터", visible: "표시", acceptedHint: "API가 받음", loggedHint: "로그에 안전히 저장", vectorHint: "취향 벡터 이동", visibleHint: "화면에 새 상품",
    total: "클릭에서 화면까지", running: "이동 중…", failed: "도착하지 못함", history_one: "최근 행동", history_other: "최근 행동 {{count}}회", target: "목표 {{ms}}", noChange: "{{ms}} 안에 변화 없음", median: "중앙값",
  },
  rec: {
    title: "추천", by: "추천 기준", byUser: "고객", byQuery: "검색어", user: "고객 ID", query: "검색어", queryPlaceholder: "추운 밤에 따뜻한 것", min: "최저 가격", max: "최고 가격", currency: "통화", currencyShop: "상점 통화", limit: "개수", compare: "비교 대상", compareOff: "비교 끝내기", compareStart: "두 고객 비교", excluded: "제외됨",
    rank: "#", score: "점수", reasons: "이유", parts: "점수 구성", similarity: "유사도", popularity: "인기", matching: "검색 일치", diversity: "이미 표시됨 (감점)", cosine: "측정된 코사인", final: "최종", took: "{{ms}} 소요", overlap: "{{total}}개 중 {{n}}개 공통", shared: "두 목록에 모두 있음", empty: "맞는 상품이 없습니다", emptyHint: "필터를 느슨하게 해 보세요.", emptyStart: "누구의 추천을 볼까요?", emptyStartHint: "위에서 고객을 고르거나 검색어로 바꾸세요.", emptyQuery: "무엇을 찾으세요?", emptyQueryHint: "몇 단어를 입력하세요. 이름은 물론 의미로도 찾습니다.", similarTo: "비슷한 상품", taste: "취향", tasteNone: "이력이 없어 인기 상품을 보여 줍니다", list: "추천된 상품", pickCompare: "두 번째 고객을 고르세요", useMe: "나",
  },
  live: {
    title: "실시간", window: "기간", pause: "일시정지", resume: "계속", paused: "일시정지됨", minutes: "{{n}}분", throughput: "이벤트", throughputUnit: "초당", accepted: "접수", processed: "처리", indexed: "색인", freshness: "신선도", freshnessHint: "행동에서 바뀐 추천까지", stages: "단계별 지연, p99", lag: "컨슈머 지연", lagUnit: "밀린 이벤트", serving: "제공", notifications: "알림", recommendations: "추천", searches: "검색", deadLetters: "데드 레터", deadLettersNone: "데드 레터 없음", deadLettersNoneHint: "처리할 수 없는 이벤트는 이유와 함께 여기에 보관됩니다.",
    append: "로그 추가", vector: "벡터", recommend: "추천", notify: "알림", histogram: "소요 시간", histogramOf: "{{name}} 분포", stage: "단계", count: "건수", empty: "흐르는 것이 없습니다", emptyHint: "시뮬레이터를 시작하고 살아나는 모습을 보세요.", startSim: "시뮬레이터로 가기", partitions: "파티션별 지연", topic: "토픽", group: "그룹", partition: "파티션", end: "끝", committed: "커밋", behind: "지연", reason: "이유", offset: "오프셋", when: "시각", tail: "들어오는 행동", tailHint: "가장 최근 행동, 1초마다", tailEmpty: "아직 행동이 없습니다", waiting: "첫 1초를 기다리는 중…", total: "{{n}}건 보관", kept: "건 보관", totalOf: { accepted: "시작 이후 이벤트 {{n}}개", processed: "시작 이후 이벤트 {{n}}개", notifications: "시작 이후 {{n}}건 발송" }, notCounted: "집계되지 않음", notMeasured: "최근 {{seconds}}초 동안 측정값이 없습니다", overTarget: "목표 초과", updated: "{{ago}} 갱신", ratesOver: "속도는 최근 {{seconds}}초 기준", since: "{{time}}부터 표시", resetZoom: "확대 초기화", caughtUp: "따라잡음", zoom: "끌어서 확대", barTarget: "목표 100 ms",
  },
  dlq: {
    title: "데드 레터", intro: "처리하지 못한 레코드입니다. 열어서 내용을 보고 다시 쓸 수 있습니다.", newest: "최신순", kept_one: "{{n}}건 보관", kept_other: "{{n}}건 보관", refresh: "새로 고침", all: "데드 레터 모두 보기", reason: "이유", topic: "토픽", what: "문제", record: "레코드", id: "ID", when: "포기한 시각", place: "파티션 {{partition}}, 오프셋 {{offset}}", replayed: "재처리함",
    noneMatch: "해당하는 것이 없습니다", noneSoFar: "아직 해당하는 것이 없습니다", noneMatchHint_one: "이유와 토픽에 상관없이 {{n}}건이 보관되어 있습니다.", noneMatchHint_other: "이유와 토픽에 상관없이 {{n}}건이 보관되어 있습니다.", clear: "모두 보기", stale: "목록을 새로 고치지 못했습니다.",
    letter: "데드 레터 {{id}}", key: "키", group: "처리자", attempts_one: "{{count}}회 시도", attempts_other: "{{count}}회 시도", size: "크기", cut: "앞부분만 보관됨", says: "레코드 내용", undecoded: "해독할 수 없습니다:", payload: "페이로드", firstBytes: "처음 {{n}}바이트입니다.", allBytes: "전체 바이트입니다.",
    why: { INVALID: "시각의 범위 같은 규칙을 어긴 이벤트입니다.", REFUSED: "저장소가 이 레코드를 계속 거부합니다.", CORRUPT: "저장소에 있는 이 레코드의 데이터를 읽을 수 없습니다.", PANIC: "REP 자체의 결함입니다.", BAD_LENGTH: "이벤트가 아닙니다. 바이트가 너무 적습니다.", BAD_MAGIC: "이벤트가 아닙니다. 첫 바이트가 다릅니다.", UNKNOWN_SCHEMA: "알 수 없는 스키마를 가리킵니다.", MALFORMED: "스키마에 맞는 이벤트가 아닙니다." },
    replay: "재처리", replayHint: "레코드를 원래 토픽에 다시 씁니다. 이미 반영된 이벤트는 다시 반영되지 않습니다.", asItWas: "그대로 재처리", repair: "먼저 고치기", sending: "재처리하는 중…",
    editor: "고친 이벤트 (JSON)", idStays: "같은 이벤트여야 합니다. `{{field}}`는 그대로 두세요.", idGiven: "레코드에서 읽을 수 있는 것이 없습니다. `{{field}}`가 없으면 레코드의 위치로 정해지며 매번 같습니다.", sendRepaired: "고친 이벤트로 재처리", startOver: "처음으로 되돌리기", notJson: "JSON이 아닙니다: {{message}}", notJsonAt: "JSON이 아닙니다. {{line}}행 {{column}}열을 확인하세요.", notObject: "이벤트는 객체여야 합니다: `{ … }`",
    refused: "재처리하지 않았습니다", refusedHint: "다시 데드 레터가 될 레코드는 먼저 고치는 편이 좋습니다. 그래도 재처리하면 한 번 더 시도하고, 아마 다시 여기로 옵니다.", refusedForced: "강제로 할 수 없는 경우입니다.", force: "그래도 재처리", done: "다시 썼습니다. 레코드의 현재 위치:", stays: "데드 레터는 로그에 보관되는 동안 목록에 남습니다.",
  },
  sim: {
    title: "시뮬레이터", intro: "보고, 찾고, 담고, 사는 가상의 고객들.", state: "상태", running: "실행 중", stopped: "정지", starting: "시작하는 중…", start: "시작", stop: "정지", rate: "속도", rateUnit: "초당 이벤트", users: "고객 수", seed: "시드", seedHint: "같은 시드는 같은 군중을 재현합니다.", scenario: "시나리오", actual: "실제", target: "목표", chart: "실제 속도와 목표 속도", totals: "시작 이후", since: "{{time}}부터", confirmStop: "시뮬레이터를 정지할까요?", confirmStopHint: "고객들은 돌아가고 집계는 남습니다. 언제든 다시 시작할 수 있습니다.", liveHint: "속도와 시나리오는 재시작 없이 바로 바뀝니다. 고객 수와 시드는 다음 시작부터 적용됩니다.", stoppedHint: "시뮬레이터가 정지되어 있습니다.", restart: "이 설정으로 다시 시작", unavailable: "이번 실행에는 시뮬레이터가 없습니다", unavailableHint: "`--no-simulator` 없이 REP를 시작하세요.", ofTarget: "목표의 {{percent}}", setup: "군중",
    total: { events: "이벤트", sessions: "방문", priceChanges: "가격 변경", stockChanges: "재고 변경", late: "늦은 이벤트" },
    scenarios: {
      steady: { name: "평상시", text: "평범한 하루입니다." },
      "flash-sale": { name: "반짝 세일", text: "한 분류가 반값이 되어 모두가 몰립니다." },
      "price-war": { name: "가격 전쟁", text: "브랜드들이 가격을 깎아 알림이 쏟아집니다." },
      "cold-start": { name: "콜드 스타트", text: "대부분 처음 보는 고객입니다." },
      "bot-attack": { name: "봇 공격", text: "몇 대의 기계가 상점을 두드립니다." },
      viral: { name: "바이럴", text: "모두가 한 상품을 봅니다." },
      "holiday-rush": { name: "명절 쇼핑", text: "선물을 사야 합니다." },
      restock: { name: "재입고", text: "인기 상품이 품절되었다가 돌아옵니다." },
    },
  },
  notif: {
    title: "알림", inbox: "받은 알림", unread_one: "읽지 않음 {{count}}개", unread_other: "읽지 않음 {{count}}개", live: "실시간", empty: "아직 없습니다", emptyHint: "상품을 장바구니에 담은 뒤 “상품 바꾸기”에서 가격을 내려 보세요.", markRead: "읽음으로 표시", markAll: "모두 읽음으로 표시", settings: "설정", channels: "채널", kinds: "알림 받을 내용", inApp: "앱 안에서", push: "푸시 (모의)", sms: "문자 (모의)", priceDrop: "가격 인하", backInStock: "재입고", lowStock: "품절 임박", saved: "저장됨",
    change: "상품 바꾸기", changeHint: "가격을 내리고 관심 있는 사람들에게 전해지는 것을 보세요.", pick: "상품", mine: "내 상품", search: "상품 찾기", newPrice: "새 가격", newStock: "새 재고", apply: "바꾸기", applied: "바꿨습니다. 알림을 기다리는 중…", arrivedIn: "변경 후 {{ms}} 만에 도착", noArrival: "바꿨습니다. 회원님께는 알림이 없습니다. 관심을 보인 상품이 아니거나 변화가 작거나 최근 30일 안에 그만큼 저렴한 적이 있거나 꺼져 있습니다.", cartFirst: "먼저 내 장바구니에 담기", carted: "장바구니에 있음", toRestore: "{{price}}(으)로 되돌리기", mineEmpty: "아직 없습니다. 먼저 상점에서 상품을 보거나 담으세요.", gap: "자리를 비운 사이 놓친 알림이 있습니다. 받은 알림에는 모두 있습니다.",
    kind: { PRICE_DROP: "가격 인하", BACK_IN_STOCK: "재입고", LOW_STOCK: "품절 임박", SUMMARY: "그 밖의 소식", UNKNOWN: "소식" },
    more: { cheaper_one: "{{count}}개 상품이 더 저렴해졌습니다", cheaper_other: "{{count}}개 상품이 더 저렴해졌습니다", news_one: "{{count}}개 상품에 소식이 더 있습니다", news_other: "{{count}}개 상품에 소식이 더 있습니다" },
    moreOf: { CARTED: "장바구니에 담은 상품", WISHLISTED: "찜한 상품", VIEWED: "살펴본 상품", SIMILAR: "취향에 가까운 상품", UNKNOWN: "추천 소식" },
    reason: { CARTED: "장바구니에 있음", WISHLISTED: "찜한 상품", VIEWED: "살펴본 상품", SIMILAR: "취향에 가까움", UNKNOWN: "추천 소식" },
    was: "이전 {{price}}", nowPrice: "현재 {{price}}", nowStock_one: "{{count}}개", nowStock_other: "{{count}}개", arrived: "새 알림", restored: "가격을 되돌렸습니다",
  },
};
