//! The fixed texts of the benchmark: a small catalogue with known answers, and texts of a wished length.

use rep_core::ports::embedder::TextKind;

use crate::TextModel;

/// What is sold, in English and Korean, and two ways of asking for it without naming it.
const ITEMS: [(&str, &str, [&str; 2]); 16] = [
    ("hiking boots", "등산화", ["shoes for walking in the mountains", "산에서 신을 신발"]),
    ("espresso machine", "에스프레소 머신", ["make strong coffee at home", "집에서 커피 내리는 기계"]),
    (
        "noise cancelling headphones",
        "노이즈 캔슬링 헤드폰",
        ["listen to music on a loud plane", "조용히 음악 듣기"],
    ),
    ("yoga mat", "요가 매트", ["something soft to stretch on", "스트레칭할 때 까는 것"]),
    ("winter coat", "겨울 코트", ["stay warm in the snow", "추운 날 입는 외투"]),
    ("gaming laptop", "게이밍 노트북", ["portable computer for video games", "게임용 컴퓨터"]),
    ("cat food", "고양이 사료", ["dinner for my kitten", "고양이 밥"]),
    ("face moisturiser", "수분 크림", ["cream for dry skin", "건조한 피부에 바르는 크림"]),
    ("office chair", "사무용 의자", ["sit comfortably at my desk", "책상에 앉을 때 편한 의자"]),
    ("camping tent", "캠핑 텐트", ["sleep outdoors with the family", "야외에서 잘 때 필요한 것"]),
    ("electric toothbrush", "전동 칫솔", ["clean my teeth", "이 닦는 도구"]),
    ("frying pan", "프라이팬", ["cook eggs without sticking", "계란 부칠 때 쓰는 팬"]),
    ("bicycle helmet", "자전거 헬멧", ["protect my head when cycling", "자전거 탈 때 머리 보호"]),
    ("desk lamp", "책상 스탠드", ["light for reading at night", "밤에 책 읽을 때 켜는 불"]),
    ("wrist watch", "손목시계", ["tell the time on my arm", "팔에 차는 시계"]),
    ("baby stroller", "유모차", ["push my toddler through the park", "아기 태우고 다니는 것"]),
];

const STYLES: [(&str, &str); 6] = [
    ("Classic", "클래식"),
    ("Lightweight", "가벼운"),
    ("Premium", "고급"),
    ("Budget", "저렴한"),
    ("Compact", "작은"),
    ("Award-winning", "수상 경력의"),
];

const WORDS: [&str; 24] = [
    "soft", "cotton", "shirt", "with", "long", "sleeves", "and", "a", "small", "pocket", "made", "for",
    "warm", "summer", "days", "in", "the", "city", "easy", "to", "wash", "at", "low", "heat",
];

/// Passages and queries, each tagged with the number of the item that it is about.
pub(super) struct Catalogue {
    pub(super) passages: Vec<(String, usize)>,
    pub(super) queries: Vec<(String, usize)>,
}

impl Catalogue {
    /// Every item in every style; with Korean, half of the texts are Korean.
    pub(super) fn new(with_korean: bool) -> Self {
        let (mut passages, mut queries) = (Vec::new(), Vec::new());
        for (item, (english, korean, [asked, asked_korean])) in ITEMS.into_iter().enumerate() {
            queries.push((asked.to_owned(), item));
            if with_korean {
                queries.push((asked_korean.to_owned(), item));
            }
            for (number, (style, style_korean)) in STYLES.into_iter().enumerate() {
                let in_korean = with_korean && number % 2 == 1;
                passages.push(if in_korean {
                    (format!("{style_korean} {korean}. 빠른 배송, 30일 이내 반품 가능."), item)
                } else {
                    (format!("{style} {english}. Fast delivery, returns within 30 days."), item)
                });
            }
        }
        Self { passages, queries }
    }

    /// Passages about each item.
    pub(super) const STYLES: usize = STYLES.len();
}

/// A text of about `tokens` tokens for this model, other words for another `number`.
pub(super) fn of_length(model: &TextModel, tokens: usize, number: usize) -> Result<String, String> {
    let mut text = String::new();
    for word in 0.. {
        if model.encode(&text, TextKind::Query)?.ids.len() >= tokens.min(model.manifest().max_tokens) {
            break;
        }
        text.push_str(WORDS[(number * 7 + word) % WORDS.len()]);
        text.push(' ');
    }
    Ok(text)
}
