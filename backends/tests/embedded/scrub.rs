//! What was erased is in no file of the data directory.

use std::path::Path;
use std::time::Duration;

use rep_core::contract::support::{
    Subject, action, at, commit_something, epoch, erasure, new_product, notification, position,
};
use rep_core::ports::behaviour::BehaviourDocument;
use rep_core::ports::notifications::{Delivery, IN_APP};
use rep_core::ports::preferences::{Fold, FoldRules, FoldStep};
use rep_core::{
    ActionType, ModelId, Notification, NotificationId, NotificationSettings, TasteRules, Topic, TraceId,
    UserAction, UserId,
};

use crate::fold::record;
use crate::store::Embedded;

/// Words that stand nowhere but where a test put them, and that no compression cuts apart.
struct Canaries {
    user: UserId,
    texts: Vec<String>,
}

impl Canaries {
    fn new() -> Self {
        let words = ["q7Zx0vKp3mWd", "Lr8eTb2yHn5u", "c4JfXs9gVa1o"];
        let word = |word: &str| format!("{word}{:x}", epoch());
        let user = UserId::new(word("Gk6iRz2wQe")).unwrap();
        let mut texts: Vec<String> = words.map(word).to_vec();
        texts.push(user.to_string());
        Self { user, texts }
    }

    /// Those that stand in some file of `dir`, and in which.
    fn found(&self, dir: &Path) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                // One that went meanwhile holds nothing.
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                for text in &self.texts {
                    if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                        found.push((text.clone(), entry.path().display().to_string()));
                    }
                }
            }
        }
        found
    }
}

fn search(canaries: &Canaries) -> UserAction {
    UserAction {
        search_query: Some(canaries.texts[0].clone()),
        product_id: None,
        ..action(&canaries.user, ActionType::Search, &new_product(), at(1))
    }
}

/// Puts the shopper into every store.
async fn leave_traces(subject: &Embedded, canaries: &Canaries) {
    let ports = subject.ports();
    let user = &canaries.user;
    let event = record(user.as_str(), canaries.texts[0].clone());
    ports.log.append(Topic::UserAction, vec![event.clone()]).await.unwrap();
    ports.log.append(Topic::UserActionDlq, vec![event]).await.unwrap();
    let click = action(user, ActionType::Click, &new_product(), at(2));
    let documents = [search(canaries), click.clone()].into_iter().zip(0..).map(|(action, offset)| {
        BehaviourDocument { action, position: position(1, offset), appended_at: at(3) }
    });
    ports.behaviour.index(documents.collect()).await.unwrap();
    let model = ModelId::new("contract-model").unwrap();
    let rules = FoldRules { model: &model, taste: TasteRules::default(), applied_at: at(3) };
    let step = FoldStep { action: &click, position: position(1, 1), logged_at: at(3), embedding: None };
    ports.preferences.fold(&[Fold::of(user, vec![step])], &rules).await.unwrap();
    let notification = Notification {
        notification_id: NotificationId::new(&canaries.texts[1]).unwrap(),
        trace_id: TraceId::new(&canaries.texts[2]).unwrap(),
        ..notification(user, 3)
    };
    let delivery = Delivery { notification, channels: vec![IN_APP.to_owned()], at: at(4) };
    ports.notifications.deliver(vec![delivery]).await.unwrap();
    ports.notifications.put_settings(user, NotificationSettings::default()).await.unwrap();
    commit_something(&*ports.log).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_erased_is_in_no_file() {
    let mut subject = Embedded::with(|config| {
        config.log_retention = Duration::from_secs(60);
        config.scrub_pause = Duration::ZERO;
    });
    let canaries = Canaries::new();
    leave_traces(&subject, &canaries).await;
    subject.reopen().await;
    let dir = subject.config.data_dir.clone();
    let before = canaries.found(&dir);
    for text in &canaries.texts {
        assert!(before.iter().any(|(found, _)| found == text), "`{text}` is nowhere: {before:?}");
    }

    let ports = subject.ports();
    let upkeep = &subject.backends().data_dir.as_ref().unwrap().upkeep;
    upkeep.run_once().await.unwrap();
    assert!(!canaries.found(&dir).is_empty(), "nothing leaves that was not erased");
    assert!(ports.preferences.erase(&canaries.user, erasure(5, None)).await.unwrap());
    assert_eq!(ports.behaviour.erase(&canaries.user).await.unwrap(), 2);
    assert_eq!(ports.notifications.erase(&canaries.user).await.unwrap(), 1);
    commit_something(&*ports.log).await;
    // A crash before it was done leaves it due.
    let crashed = subject.crashed_copy();
    for subject in [&subject, &crashed] {
        subject.clock.advance(Duration::from_secs(120));
        subject.backends().data_dir.as_ref().unwrap().upkeep.run_once().await.unwrap();
        assert_eq!(canaries.found(&subject.config.data_dir), [], "erased, and past the log's retention");
    }
    subject.reopen().await;
    assert_eq!(canaries.found(&dir), []);
    let ports = subject.ports();
    assert_eq!(ports.behaviour.history(&canaries.user, None, 10).await.unwrap().items, []);
    assert_eq!(ports.preferences.load(std::slice::from_ref(&canaries.user)).await.unwrap(), [None]);
}

/// The stores are erased one after the other, and what the files lose may come in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_store_that_is_erased_leaves_the_files() {
    let subject = Embedded::with(|config| {
        config.log_retention = Duration::from_secs(60);
        config.scrub_pause = Duration::ZERO;
    });
    let canaries = Canaries::new();
    leave_traces(&subject, &canaries).await;
    subject.clock.advance(Duration::from_secs(120));
    let (ports, user) = (subject.ports(), &canaries.user);
    let upkeep = &subject.backends().data_dir.as_ref().unwrap().upkeep;
    assert!(ports.preferences.erase(user, erasure(5, None)).await.unwrap());
    upkeep.run_once().await.unwrap();
    assert_eq!(ports.behaviour.erase(user).await.unwrap(), 2);
    upkeep.run_once().await.unwrap();
    assert!(!canaries.found(&subject.config.data_dir).is_empty(), "the inbox is still there");
    assert_eq!(ports.notifications.erase(user).await.unwrap(), 1);
    upkeep.run_once().await.unwrap();
    assert_eq!(canaries.found(&subject.config.data_dir), []);
}
