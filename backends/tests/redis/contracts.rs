//! The contracts of the ports; the log and the documents are the embedded ones.

macro_rules! suite {
    ($name:ident, $contract:ident) => {
        mod $name {
            rep_core::$contract!(crate::subject::OnRedis::fresh().await);
        }
    };
}

suite!(preferences, preferences_contract);
suite!(popularity, popularity_contract);
suite!(notifications, notifications_contract);
suite!(tickets, tickets_contract);
