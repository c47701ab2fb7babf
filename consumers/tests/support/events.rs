//! Events to feed the roles with.

use rep_core::{
    ActionType, Currency, InventoryChange, Money, Product, ProductId, Timestamp, TraceId, UserAction, UserId,
};

pub fn product_id(n: usize) -> ProductId {
    ProductId::new(format!("p{n}")).unwrap()
}

pub fn user_id(n: usize) -> UserId {
    UserId::new(format!("u{n}")).unwrap()
}

pub fn trace_id(name: &str) -> TraceId {
    TraceId::new(name).unwrap()
}

pub fn product(n: usize) -> Product {
    Product {
        product_id: product_id(n),
        name: format!("Product {n}"),
        description: String::new(),
        category: "things".to_owned(),
        brand: None,
        price: Money::from_minor(1000, Currency::EUR).unwrap(),
        stock: 5,
        image_url: None,
        attributes: Default::default(),
        name_ko: None,
        description_ko: None,
        changed_at: None,
        history: Default::default(),
        group_id: None,
    }
}

pub fn action(trace: &str, user: usize, kind: ActionType, product: usize, at: Timestamp) -> UserAction {
    UserAction {
        trace_id: trace_id(trace),
        user_id: user_id(user),
        action_type: kind,
        product_id: Some(product_id(product)),
        search_query: None,
        session_id: None,
        timestamp: at,
        metadata: Default::default(),
    }
}

pub fn search(trace: &str, user: usize, query: &str, at: Timestamp) -> UserAction {
    UserAction {
        product_id: None,
        search_query: Some(query.to_owned()),
        ..action(trace, user, ActionType::Search, 0, at)
    }
}

pub fn price_drop(trace: &str, product: usize, at: Timestamp) -> InventoryChange {
    InventoryChange {
        trace_id: trace_id(trace),
        product_id: product_id(product),
        currency: Currency::EUR,
        price_before: Some(1000),
        price_after: 700,
        stock_before: Some(9),
        stock_after: 9,
        timestamp: at,
        flapping: false,
    }
}
