//! The contracts of the ports, on one server, behind sentinels, and on a cluster; the log and the documents are the
//! embedded ones.

macro_rules! suite {
    ($name:ident, $contract:ident) => {
        mod $name {
            mod on_one {
                rep_core::$contract!(crate::subject::OnRedis::fresh().await);
            }
            mod on_sentinels {
                rep_core::$contract!(crate::subject::OnRedis::fresh_on("REP_TEST_REDIS_SENTINELS").await);
            }
            mod on_cluster {
                rep_core::$contract!(crate::subject::OnRedis::fresh_on("REP_TEST_REDIS_CLUSTER").await);
            }
        }
    };
}

suite!(preferences, preferences_contract);
suite!(popularity, popularity_contract);
suite!(notifications, notifications_contract);
suite!(tickets, tickets_contract);
