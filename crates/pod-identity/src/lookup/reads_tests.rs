#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;

/// Answers how many reads of its object had begun when the read began, after a while.
struct Rig {
    reads: Arc<Reads<usize>>,
    begun: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
}

impl Rig {
    fn new(takes: Duration) -> Rig {
        let begun: Arc<AtomicUsize> = Arc::default();
        let (now, most): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let (count, most_at_once) = (Arc::clone(&begun), Arc::clone(&most));
        let reads = Reads::new(Arc::new(Semaphore::new(READS)), move |_| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst).saturating_add(1), Ordering::SeqCst);
                sleep(takes).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(Arc::new(number))
            }
            .boxed()
        });
        Rig { reads, begun, most_at_once }
    }

    fn ask(&self, name: &str) -> JoinHandle<Answer<usize>> {
        let (reads, name) = (Arc::clone(&self.reads), named(name));
        tokio::spawn(async move { reads.ask(&name).await })
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

fn named(name: &str) -> ObjectName {
    ObjectName { namespace: Some("n".to_owned()), name: name.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_the_answer_of_a_read_that_began_before_he_asked() {
    let rig = Rig::new(Duration::from_millis(100));
    let first = rig.ask("a");
    sleep(Duration::from_millis(50)).await;
    assert_eq!(rig.begun(), 1);
    let later: Vec<_> = (0..50).map(|_| rig.ask("a")).collect();
    sleep(Duration::from_millis(40)).await;
    let latest: Vec<_> = (0..50).map(|_| rig.ask("a")).collect();
    assert_eq!(*first.await.unwrap().unwrap(), 0);
    for asked in later.into_iter().chain(latest) {
        assert_eq!(*asked.await.unwrap().unwrap(), 1, "one read for all who asked before it began");
    }
    assert_eq!(rig.begun(), 2);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(rig.reads.objects(), 0, "nothing is left behind");
}

#[tokio::test(start_paused = true)]
async fn objects_do_not_share_and_few_are_read_at_once() {
    let rig = Rig::new(Duration::from_millis(10));
    let asked: Vec<_> = (0..200).map(|n| rig.ask(&n.to_string())).collect();
    for answer in asked {
        answer.await.unwrap().unwrap();
    }
    assert_eq!((rig.begun(), rig.most_at_once.load(Ordering::SeqCst)), (200, READS));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_hangs_ends_and_does_not_keep_the_next_one_from_beginning() {
    let rig = Rig::new(Duration::from_secs(3600));
    let (begin, first) = (Instant::now(), rig.ask("a"));
    sleep(Duration::from_millis(10)).await;
    let second = rig.ask("a");
    sleep(OVERLAP).await;
    assert_eq!(rig.begun(), 2);
    assert_eq!(first.await.unwrap(), Err(Failure::NoAnswer));
    assert!(begin.elapsed() <= LONGEST);
    assert_eq!(second.await.unwrap(), Err(Failure::NoAnswer));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_any_more_is_not_read() {
    let rig = Rig::new(Duration::from_millis(100));
    let first = rig.ask("a");
    sleep(Duration::from_millis(10)).await;
    let second = rig.ask("a");
    sleep(Duration::from_millis(10)).await;
    second.abort();
    first.await.unwrap().unwrap();
    sleep(Duration::from_secs(10)).await;
    assert_eq!((rig.begun(), rig.reads.objects()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_takes_nobodys_answer_with_him() {
    let rig = Rig::new(Duration::from_millis(100));
    let (leaves, stays) = (rig.ask("a"), rig.ask("a"));
    sleep(Duration::from_millis(10)).await;
    leaves.abort();
    assert_eq!(*stays.await.unwrap().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_table_is_bounded_and_says_so() {
    let rig = Rig::new(Duration::from_secs(1));
    let waiting: Vec<_> = (0..OBJECTS).map(|n| rig.ask(&n.to_string())).collect();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(rig.reads.objects(), OBJECTS);
    assert_eq!(rig.ask("one-more").await.unwrap(), Err(Failure::Busy));
    // Whoever has a place may still be joined.
    let joined = rig.ask("0");
    for answer in waiting {
        answer.abort();
    }
    assert_eq!(joined.await.unwrap().map(drop), Ok(()));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.reads.objects(), 0);
}

#[tokio::test(start_paused = true)]
async fn whenever_somebody_asks_his_read_begins_afterwards() {
    let rig = Rig::new(Duration::from_millis(7));
    let mut asked = Vec::new();
    for _ in 0..500 {
        asked.push((rig.begun(), rig.ask("a")));
        sleep(Duration::from_millis(1)).await;
    }
    for (begun_before, answer) in asked {
        let number = *answer.await.unwrap().unwrap();
        assert!(number >= begun_before, "read {number}, and {begun_before} had begun");
    }
    assert!(rig.begun() < 100, "{} reads", rig.begun());
}
