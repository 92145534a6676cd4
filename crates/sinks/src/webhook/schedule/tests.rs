//! Which event is sent when, call by call.

use std::time::Duration;

use super::*;

fn event(offset: u64, key: &str) -> Event {
    let op = if key == PAGE { "requery" } else { "update" };
    Event {
        partition: 0,
        offset,
        timestamp_ms: 0,
        key: key.to_owned(),
        op: op.to_owned(),
        txn_id: offset.to_string(),
        traceparent: None,
        value: "{}".into(),
        replayed: None,
    }
}

const PAGE: &str = r#"["requeryRequired"]"#;

/// A schedule that has read these keys.
fn read(keys: &[&str]) -> Schedule {
    let mut schedule = Schedule::at(Progress::at(&[0]), Pace::default());
    take(&mut schedule, 0, keys);
    schedule
}

fn take(schedule: &mut Schedule, from: u64, keys: &[&str]) {
    let events = (from..).zip(keys).map(|(offset, key)| event(offset, key)).collect();
    schedule.take(0, events, from + keys.len() as u64, 0);
}

fn failed() -> Outcome {
    Outcome::Failed { reason: "away".into(), retry_after: None }
}

fn refused() -> Outcome {
    Outcome::Refused { reason: "it answered 400".into() }
}

/// All that can be sent at `now_ms`.
fn calls(schedule: &mut Schedule, now_ms: u64) -> Vec<Call> {
    std::iter::from_fn(|| schedule.next(now_ms)).collect()
}

fn offsets(calls: &[Call]) -> Vec<u64> {
    calls.iter().map(|call| call.event.offset).collect()
}

fn pending(schedule: &Schedule) -> Vec<u64> {
    schedule.progress().partitions[0].pending.iter().copied().collect()
}

#[test]
fn documents_go_side_by_side_and_each_in_order() {
    let mut schedule = read(&["a", "b", "a", "a", "b"]);
    let first = calls(&mut schedule, 0);
    assert_eq!(offsets(&first), [0, 1]);
    assert_eq!(schedule.settle(&first[0], failed(), 0, 0.5), Settled::Later);
    assert_eq!(schedule.settle(&first[1], Outcome::Delivered, 0, 0.5), Settled::Delivered);
    assert_eq!((offsets(&calls(&mut schedule, 999)), schedule.wake_ms()), (vec![4], Some(1000)));
    let again = calls(&mut schedule, 1000);
    assert_eq!(offsets(&again), [0]);
    schedule.settle(&again[0], Outcome::Delivered, 1000, 0.5);
    assert_eq!(offsets(&calls(&mut schedule, 1000)), [2]);
    assert_eq!((pending(&schedule), schedule.lows(), schedule.delivered_beyond()), (vec![2, 3, 4], vec![2], 0));
}

#[test]
fn no_more_than_so_many_calls_are_under_way_and_no_more_than_so_many_events_wait() {
    let keys: Vec<String> = (0..PENDING_MAX).map(|n| n.to_string()).collect();
    let mut schedule = read(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(!schedule.has_room());
    let under_way = calls(&mut schedule, 0);
    assert_eq!((under_way.len(), schedule.wake_ms()), (CALLS_MAX, None));
    schedule.settle(&under_way[3], Outcome::Delivered, 0, 0.5);
    assert!(schedule.has_room());
    assert_eq!(calls(&mut schedule, 0).len(), 1);
}

#[test]
fn a_page_waits_for_all_before_it_and_all_behind_it_wait() {
    let mut schedule = read(&["a", "b", PAGE, "c", PAGE, PAGE, "a"]);
    let first = calls(&mut schedule, 0);
    assert_eq!(offsets(&first), [0, 1]);
    schedule.settle(&first[1], Outcome::Delivered, 0, 0.5);
    assert!(calls(&mut schedule, 0).is_empty());
    schedule.settle(&first[0], Outcome::Delivered, 0, 0.5);
    for expected in [[2], [3], [4], [5], [6]] {
        let next = calls(&mut schedule, 0);
        assert_eq!(offsets(&next), expected);
        schedule.settle(&next[0], Outcome::Delivered, 0, 0.5);
    }
    assert!(pending(&schedule).is_empty() && schedule.waits().is_none());
}

#[test]
fn five_refusals_set_an_event_aside_and_the_documents_next_one_says_so() {
    let mut schedule = read(&["a", "a", "a"]);
    let mut now_ms = 0;
    for tries in 1..=5 {
        let call = calls(&mut schedule, now_ms).remove(0);
        assert_eq!((call.event.offset, call.skipped), (0, 0));
        let settled = schedule.settle(&call, refused(), now_ms, 0.5);
        assert_eq!(matches!(settled, Settled::SetAside { .. }), tries == 5);
        now_ms = schedule.wake_ms().unwrap();
    }
    // Kept with the position until it is told.
    assert_eq!(schedule.progress().skipped, [("a".to_owned(), 1)].into());
    let mut schedule = Schedule::at(schedule.progress(), Pace::default());
    take(&mut schedule, 0, &["a", "a", "a"]);
    let call = calls(&mut schedule, now_ms).remove(0);
    assert_eq!((call.event.offset, call.skipped), (1, 1));
    schedule.settle(&call, Outcome::Delivered, now_ms, 0.5);
    let call = calls(&mut schedule, now_ms).remove(0);
    assert_eq!((call.event.offset, call.skipped), (2, 0));
    assert!(schedule.progress().skipped.is_empty());
}

#[test]
fn a_day_of_failures_sets_an_event_aside_though_the_server_was_restarted_in_it() {
    let day_ms = Pace::default().give_up.as_millis() as u64;
    let mut schedule = read(&["a"]);
    let call = calls(&mut schedule, 0).remove(0);
    assert_eq!(schedule.settle(&call, failed(), 5, 0.5), Settled::Later);
    let progress = schedule.progress();
    assert_eq!(progress.failing, [Failing { partition: 0, offset: 0, since_ms: 5, refusals: 0 }]);
    // It is kept while the event is not read again, and after.
    let mut schedule = Schedule::at(progress.clone(), Pace::default());
    assert_eq!(schedule.progress(), progress);
    take(&mut schedule, 0, &["a"]);
    assert_eq!(schedule.progress(), progress);
    let call = calls(&mut schedule, day_ms).remove(0);
    assert_eq!(schedule.settle(&call, failed(), day_ms + 4, 0.5), Settled::Later);
    let now_ms = schedule.wake_ms().unwrap();
    let call = calls(&mut schedule, now_ms).remove(0);
    assert!(matches!(schedule.settle(&call, failed(), now_ms, 0.5), Settled::SetAside { .. }));
}

#[test]
fn a_receiver_that_is_back_is_sent_what_waited_for_it_at_once() {
    let mut schedule = read(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
    for call in calls(&mut schedule, 0) {
        schedule.settle(&call, failed(), 0, 0.5);
    }
    assert_eq!(schedule.waits(), Some(("away", Some(1000))));
    for _ in 0..6 {
        let now_ms = schedule.wake_ms().unwrap();
        let probes = calls(&mut schedule, now_ms);
        assert_eq!((probes.len(), schedule.wake_ms()), (1, None));
        schedule.settle(&probes[0], failed(), now_ms, 0.5);
    }
    let now_ms = schedule.wake_ms().unwrap();
    let probe = calls(&mut schedule, now_ms).remove(0);
    schedule.settle(&probe, Outcome::Delivered, now_ms, 0.5);
    assert_eq!(calls(&mut schedule, now_ms).len(), 9);
}

#[test]
fn a_wait_that_was_asked_for_is_kept_though_others_get_through() {
    let mut schedule = read(&["a", "b"]);
    let both = calls(&mut schedule, 0);
    let busy = Outcome::Failed { reason: "429".into(), retry_after: Some(Duration::from_secs(60)) };
    schedule.settle(&both[0], busy, 0, 0.5);
    schedule.settle(&both[1], Outcome::Delivered, 0, 0.5);
    assert_eq!(schedule.wake_ms(), Some(60_000));
}

#[test]
fn what_was_delivered_beyond_a_failure_is_not_sent_again_after_a_start() {
    let mut schedule = read(&["a", "b", "a", "c"]);
    for call in calls(&mut schedule, 0) {
        let outcome = if call.event.key == "a" { failed() } else { Outcome::Delivered };
        schedule.settle(&call, outcome, 0, 0.5);
    }
    assert_eq!((pending(&schedule), schedule.lows(), schedule.delivered_beyond()), (vec![0, 2], vec![0], 2));
    let mut again = Schedule::at(schedule.progress(), Pace::default());
    assert_eq!(again.progress(), schedule.progress());
    // In between it is trimmed up to offset 2: the page stands at 1, which was delivered.
    again.take(0, vec![event(1, PAGE), event(2, "a"), event(3, "c"), event(4, "d")], 5, 0);
    let page = calls(&mut again, 0);
    assert_eq!(offsets(&page), [1]);
    again.settle(&page[0], Outcome::Delivered, 0, 0.5);
    assert_eq!(offsets(&calls(&mut again, 0)), [2, 4]);
}

#[test]
fn a_replay_changes_no_position_and_makes_the_skipped_one_fewer() {
    let mut schedule = Schedule::at(Progress::at(&[5]), Pace::default());
    schedule.skipped.insert("a".into(), 2);
    schedule.replay(Event { replayed: Some(1), ..event(2, "a") }, 0);
    let call = calls(&mut schedule, 0).remove(0);
    assert_eq!((call.skipped, pending(&schedule).len()), (0, 0));
    schedule.settle(&call, Outcome::Delivered, 0, 0.5);
    assert_eq!(schedule.progress().skipped, [("a".to_owned(), 1)].into());
    assert_eq!(schedule.lows(), [5]);
}
