//! The contracts of the ports; that of the catalogue has a binary of its own.

macro_rules! suite {
    ($name:ident, $contract:ident) => {
        mod $name {
            rep_core::$contract!(crate::store::Embedded::fresh());
        }
    };
}

suite!(log, log_contract);
suite!(behaviour, behaviour_contract);
suite!(preferences, preferences_contract);
suite!(popularity, popularity_contract);
suite!(notifications, notifications_contract);
suite!(tickets, tickets_contract);
