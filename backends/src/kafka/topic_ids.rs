//! Asks Kafka for the id of a topic, which is new each time a topic is made (KIP-516).
//!
//! The Rust client does not carry this question yet, so it is asked of the C library beneath it.
#![expect(unsafe_code, reason = "the C library's DescribeTopics has no safe wrapper in `rdkafka`")]

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings::{
    rd_kafka_AdminOptions_destroy, rd_kafka_AdminOptions_new, rd_kafka_AdminOptions_set_request_timeout,
    rd_kafka_AdminOptions_t, rd_kafka_DescribeTopics, rd_kafka_DescribeTopics_result_topics,
    rd_kafka_TopicCollection_destroy, rd_kafka_TopicCollection_of_topic_names, rd_kafka_TopicCollection_t,
    rd_kafka_TopicDescription_error, rd_kafka_TopicDescription_topic_id, rd_kafka_Uuid_base64str,
    rd_kafka_admin_op_t, rd_kafka_error_code, rd_kafka_event_DescribeTopics_result, rd_kafka_event_destroy,
    rd_kafka_event_error, rd_kafka_event_t, rd_kafka_queue_destroy, rd_kafka_queue_new, rd_kafka_queue_poll,
    rd_kafka_queue_t, rd_kafka_resp_err_t,
};
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rep_core::ports::StoreError;

use super::error::{store_error, unavailable};

/// Something of the C library that is given back when dropped.
struct Owned<T> {
    at: NonNull<T>,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(at: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Result<Self, StoreError> {
        let at = NonNull::new(at).ok_or_else(|| unavailable("Kafka's client has no room left"))?;
        Ok(Self { at, destroy })
    }

    fn ptr(&self) -> *mut T {
        self.at.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: `destroy` is the C library's own function for this kind of pointer, which came from it, is
        // not null, and is given back here only.
        unsafe { (self.destroy)(self.ptr()) }
    }
}

/// The id of `topic`, as Kafka's tools write it. Blocks for up to `wait`.
///
/// # Errors
/// Unavailable when no broker answers in time, or the topic is not there.
pub(super) fn topic_id<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    wait: Duration,
) -> Result<String, StoreError> {
    let what = format!("describe topic `{topic}`");
    let failed = |code: rd_kafka_resp_err_t| {
        store_error(&what, &KafkaError::MetadataFetch(RDKafkaErrorCode::from(code)))
    };
    let none = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
    let name = CString::new(topic).map_err(|_| unavailable("a topic's name holds a zero byte"))?;
    let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    let event = {
        let client = client.native_ptr();
        let mut names = [name.as_ptr()];
        // SAFETY: `client` lives for this call, `names` holds one C string that outlives the call that copies
        // it, and each pointer that is made is owned by an `Owned` of its own kind.
        unsafe {
            let topics: Owned<rd_kafka_TopicCollection_t> = Owned::new(
                rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()),
                rd_kafka_TopicCollection_destroy,
            )?;
            let options: Owned<rd_kafka_AdminOptions_t> = Owned::new(
                rd_kafka_AdminOptions_new(client, rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS),
                rd_kafka_AdminOptions_destroy,
            )?;
            let queue: Owned<rd_kafka_queue_t> =
                Owned::new(rd_kafka_queue_new(client), rd_kafka_queue_destroy)?;
            let set =
                rd_kafka_AdminOptions_set_request_timeout(options.ptr(), wait_ms, std::ptr::null_mut(), 0);
            if set != none {
                return Err(failed(set));
            }
            rd_kafka_DescribeTopics(client, topics.ptr(), options.ptr(), queue.ptr());
            // The library answers within the options' bound; the margin is for its own timers.
            let answer = rd_kafka_queue_poll(queue.ptr(), wait_ms.saturating_add(2000));
            Owned::<rd_kafka_event_t>::new(answer, rd_kafka_event_destroy)
        }
    }
    .map_err(|_| failed(rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__TIMED_OUT))?;
    // SAFETY: the event is the answer to the one question of its queue and lives to the end of this function;
    // everything read of it is borrowed from it, checked for null, and copied.
    unsafe {
        let error = rd_kafka_event_error(event.ptr());
        if error != none {
            return Err(failed(error));
        }
        let result = rd_kafka_event_DescribeTopics_result(event.ptr());
        if result.is_null() {
            return Err(unavailable(format!("{what}: the answer is of another kind")));
        }
        let mut count = 0;
        let descriptions = rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if descriptions.is_null() || count != 1 {
            return Err(unavailable(format!("{what}: {count} topics were answered to a question for one")));
        }
        let description = *descriptions;
        let error = rd_kafka_TopicDescription_error(description);
        if !error.is_null() && rd_kafka_error_code(error) != none {
            return Err(failed(rd_kafka_error_code(error)));
        }
        let id = rd_kafka_TopicDescription_topic_id(description);
        let text = if id.is_null() { std::ptr::null() } else { rd_kafka_Uuid_base64str(id) };
        if text.is_null() {
            return Err(unavailable(format!(
                "{what}: the brokers give no topic ids; Kafka 3.0 or later does"
            )));
        }
        Ok(CStr::from_ptr(text).to_string_lossy().into_owned())
    }
}
