//! Appends an event of an impossible time to the log of a data directory that no process uses: a dead letter as soon as
//! one does. `impossible_event DATA_DIR USER_ID`; prints nothing. The browser tests of dead letters begin with it.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use rep_backends::{ConnectConfig, SystemClock, open_data_dir};
use rep_core::avro::Event as _;
use rep_core::ports::log::NewRecord;
use rep_core::{ActionType, Clock, ModelId, Timestamp, Topic, TraceId, UserAction, UserId};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data_dir, user_id] = &arguments[..] else {
        return Err("usage: impossible_event DATA_DIR USER_ID".into());
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let action = UserAction {
        trace_id: TraceId::new(format!("{user_id}-1"))?,
        user_id: UserId::new(user_id)?,
        action_type: ActionType::Search,
        product_id: None,
        search_query: Some("a tent".to_owned()),
        session_id: None,
        // Seconds taken for milliseconds.
        timestamp: Timestamp::from_ms(clock.now().as_ms() / 1000),
        metadata: Default::default(),
    };
    // The log does not depend on the model.
    let config = ConnectConfig::new(data_dir.into(), ModelId::new("none")?, 384);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let backends = open_data_dir(&config, clock)?;
        let record = NewRecord::new(Bytes::copy_from_slice(action.key()), backends.codec.encode(&action)?);
        backends.log.append(Topic::UserAction, vec![record]).await?;
        Ok(())
    })
}
