//! Tests of [`super`].

use std::{future::Future, time::Duration};

use super::*;

const FETCH: usize = limits::FETCH_BYTES_MAX;
const FIRST: usize = limits::FIRST_RESPONSE_BYTES_MAX;
const OF_USER: usize = limits::RESPONSE_BYTES_IN_FLIGHT_PER_USER_MAX;

fn admission() -> Arc<Admission> {
    Admission::new(ConnectionLimits::of_user(limits::CONNECTIONS_PER_USER_MAX))
}

/// What is ready without waiting.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! { biased; done = future => Some(done), () = std::future::ready(()) => None }
}

/// A user's connection whose client takes whatever it gets.
fn proven(admission: &Arc<Admission>, user: &str) -> UserPlace {
    let place = admission.user("shop", user).unwrap();
    (0..10).for_each(|_| _ = place.note_taken(FETCH, false));
    place
}

#[test]
fn places_are_given_back() {
    let max = 512;
    let admission = Admission::new(ConnectionLimits::of_user(max));
    let mut places: Vec<_> = (0..max).map(|_| admission.user("shop", "ann").expect("there is room")).collect();
    assert_eq!(admission.user("shop", "ann").map(drop), Err(Reason::UserConnectionsFull { max }));
    assert!(admission.user("shop", "ben").is_ok());
    assert_eq!(admission.connections_of_fullest_user(), max);
    places.pop();
    assert!(admission.user("shop", "ann").is_ok());
    drop(places);
    assert_eq!(admission.connections_of_fullest_user(), 0);
    let shares = admission.shares();
    assert!(shares.users.is_empty() && shares.apps.is_empty() && shares.connections == 0);
}

#[test]
fn an_app_and_all_have_room_for_what_a_user_may_have() {
    let usual = ConnectionLimits::of_user(limits::CONNECTIONS_PER_USER_MAX);
    assert_eq!((usual.per_app, usual.all), (limits::CONNECTIONS_PER_APP_MAX, limits::CONNECTIONS_MAX));
    let few = ConnectionLimits::of_user(1);
    assert_eq!((few.per_app, few.all), (usual.per_app, usual.all));
    let many = ConnectionLimits::of_user(10_000);
    assert_eq!((many.per_app, many.all), (20_000, 40_000));
}

#[test]
fn that_a_share_is_nearly_full_is_said_once() {
    let mut shares = HashMap::new();
    let mut said = |n: usize| (0..n).filter(|_| take(&mut shares, "ann", Pools::of_user, 100).1).count();
    assert_eq!(said(79), 0);
    assert_eq!(said(1), 1);
    assert_eq!(said(10), 0);
    (0..30).for_each(|_| give_back(&mut shares, &"ann", 100));
    assert_eq!((0..30).filter(|_| take(&mut shares, "ann", Pools::of_user, 100).1).count(), 0, "it went to 60 only");
    (0..60).for_each(|_| give_back(&mut shares, &"ann", 100));
    assert_eq!((0..60).filter(|_| take(&mut shares, "ann", Pools::of_user, 100).1).count(), 1);
}

#[tokio::test]
async fn an_app_leaves_room_for_others() {
    let max = 64;
    let admission = Admission::new(ConnectionLimits::of_user(max));
    let user = |n: usize| (n / max).to_string();
    let per_app = admission.limits.per_app;
    let places: Vec<_> = (0..per_app).map(|n| admission.user("shop", &user(n)).expect("there is room")).collect();
    assert_eq!(admission.user("shop", "another").map(drop), Err(Reason::AppConnectionsFull { max: per_app }));
    let other = admission.user("other", "ann").unwrap();
    // All of the app's users hold what they may, and nobody reads it.
    let mut held = Vec::new();
    for place in places.iter().step_by(max) {
        held.extend(at_once(place.hold(OF_USER)).await);
    }
    assert!(held.len() >= 2);
    assert!(at_once(other.hold(FETCH)).await.is_some(), "the app does not hold all that there is");
}

#[tokio::test]
async fn a_user_cannot_hold_more_than_its_share() {
    let admission = admission();
    let ann = admission.user("shop", "ann").unwrap();
    let mut held = ann.hold(OF_USER).await;
    assert!(at_once(ann.hold_response(1)).await.is_none(), "beyond the share");
    admission.user("shop", "ben").unwrap().hold_response(1).await;
    held.shrink_to(10_000);
    assert_eq!(held.pieces(), 10);
    let rest = OF_USER - 10 * PIECE_BYTES;
    drop(ann.hold(rest).await);
}

#[tokio::test]
async fn more_is_given_to_clients_that_take_what_they_get() {
    let admission = admission();
    let ann = admission.user("shop", "ann").unwrap();
    let mut given = Vec::new();
    for _ in 0..7 {
        let (_held, bytes) = ann.hold_response(FETCH).await;
        given.push(bytes / FIRST);
        ann.note_taken(bytes, false);
    }
    assert_eq!(given, [1, 2, 4, 8, 16, 32, 32]);
    ann.note_taken(FETCH, true);
    assert_eq!(ann.hold_response(FETCH).await.1, FIRST, "it has stalled");
    ann.note_taken(1_000, false);
    assert_eq!(ann.hold_response(FETCH).await.1, FIRST, "that was little to take");
}

#[tokio::test]
async fn responses_are_smaller_where_little_is_free() {
    let admission = admission();
    let places: Vec<_> = (0..20).map(|_| proven(&admission, "ann")).collect();
    let mut held = Vec::new();
    for place in &places {
        held.push(place.hold_response(FETCH).await);
    }
    let sizes: Vec<usize> = held.iter().map(|(_, bytes)| *bytes).collect();
    assert_eq!(sizes[0], FETCH);
    assert!(sizes.is_sorted_by(|a, b| a > b) && sizes[19] < FETCH / 8, "{sizes:?}");
    assert_eq!(proven(&admission, "ben").hold_response(FETCH).await.1, FETCH, "it has room of its own");
}

#[tokio::test(start_paused = true)]
async fn who_waits_has_the_longest_stalled_cut() {
    let admission = admission();
    let (first, second) = (proven(&admission, "ann"), proven(&admission, "ann"));
    let mut held = [first.hold(OF_USER / 2).await, second.hold(OF_USER / 2).await];
    let second_stalls = second.stall();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let first_stalls = first.stall();
    let began = Instant::now();
    let third = proven(&admission, "ann");
    let mut waiting = std::pin::pin!(third.hold(FETCH));
    tokio::select! {
        _ = &mut waiting => panic!("there is no room"),
        () = second_stalls.cut() => {}
        () = first_stalls.cut() => panic!("it did not stall longest"),
    }
    assert_eq!(began.elapsed().as_millis(), limits::STALL_MIN.as_millis() - 100);
    held[1].shrink_to(0);
    drop(second_stalls);
    waiting.await;
    assert!(at_once(first_stalls.cut()).await.is_none(), "one was enough");
}
