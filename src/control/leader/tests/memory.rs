//! A record in memory whose calls take as long, and go as wrong, as a test wants, and processes that take part.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use super::*;

/// What happens to a call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    /// How long until it is at the record.
    pub(super) there: Duration,
    /// How long the answer takes.
    pub(super) back: Duration,
    /// It never arrives.
    pub(super) is_request_lost: bool,
    /// Its answer doesn't.
    pub(super) is_answer_lost: bool,
    /// It fails instead.
    pub(super) is_failing: bool,
    /// It is refused.
    pub(super) is_refused: bool,
}

impl Weather {
    pub(super) fn silent() -> Weather {
        Weather { is_request_lost: true, ..Weather::default() }
    }

    pub(super) fn failing() -> Weather {
        Weather { is_failing: true, ..Weather::default() }
    }

    pub(super) fn refusing() -> Weather {
        Weather { is_refused: true, ..Weather::default() }
    }
}

#[derive(Clone)]
pub(super) struct Memory(Arc<Mutex<State>>, watch::Sender<()>);

struct State {
    record: Option<Record>,
    versions: u64,
    lives: u64,
    weather: Weather,
    next: VecDeque<Weather>,
    calls: usize,
}

impl State {
    fn touch(&mut self) {
        self.versions += 1;
        let version = self.versions.to_string();
        self.record.iter_mut().for_each(|record| record.version.clone_from(&version));
    }
}

impl Memory {
    pub(super) fn new(record: Record) -> Memory {
        let record = Some(Record { uid: "1".to_owned(), ..record });
        let weather = Weather::default();
        let mut state = State { record, versions: 0, lives: 1, weather, next: VecDeque::new(), calls: 0 };
        state.touch();
        Memory(Arc::new(Mutex::new(state)), watch::Sender::new(()))
    }

    /// Of every call from now on.
    pub(super) fn weather(&self, weather: Weather) {
        self.0.lock().unwrap().weather = weather;
    }

    /// Of the next call, and of the one after it when called again.
    pub(super) fn once(&self, weather: Weather) -> &Memory {
        self.0.lock().unwrap().next.push_back(weather);
        self
    }

    pub(super) fn get(&self) -> Record {
        self.0.lock().unwrap().record.clone().unwrap()
    }

    pub(super) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    pub(super) fn edit(&self, edit: impl FnOnce(&mut Record)) {
        let mut state = self.0.lock().unwrap();
        edit(state.record.as_mut().unwrap());
        state.touch();
    }

    pub(super) fn delete(&self) {
        self.0.lock().unwrap().record = None;
    }

    /// As the manifest has it, unless it is there.
    pub(super) fn create(&self) {
        let mut state = self.0.lock().unwrap();
        if state.record.is_none() {
            state.lives += 1;
            state.record = Some(Record { uid: state.lives.to_string(), ..Record::default() });
            state.touch();
        }
    }

    /// Waits until somebody lets it go.
    pub(super) async fn released(&self) -> Record {
        let mut news = self.1.subscribe();
        loop {
            let record = self.get();
            if record.is_released() {
                return record;
            }
            news.changed().await.unwrap();
        }
    }

    /// A call goes on when nobody waits for it any more.
    async fn call(
        &self,
        act: impl FnOnce(&mut State) -> Result<Record, Fault> + Send + 'static,
    ) -> Result<Record, Fault> {
        let weather = {
            let mut state = self.0.lock().unwrap();
            state.calls += 1;
            state.next.pop_front().unwrap_or(state.weather)
        };
        let Memory(state, news) = self.clone();
        let call = tokio::spawn(async move {
            tokio::time::sleep(weather.there).await;
            if weather.is_failing {
                return Err(Fault::Unavailable("it fails".to_owned()));
            }
            if weather.is_refused {
                return Err(Fault::Refused("it is refused".to_owned()));
            }
            if weather.is_request_lost {
                std::future::pending::<()>().await;
            }
            let answer = act(&mut state.lock().unwrap());
            news.send_replace(());
            tokio::time::sleep(weather.back).await;
            if weather.is_answer_lost {
                std::future::pending::<()>().await;
            }
            answer
        });
        call.await.unwrap()
    }
}

impl Leases for Memory {
    async fn get(&self) -> Result<Record, Fault> {
        self.call(|state| state.record.clone().ok_or_else(|| Fault::Missing("it is missing".to_owned()))).await
    }

    async fn replace(&self, old: &Record, new: &Claim) -> Result<Record, Fault> {
        let (version, claim) = (old.version.clone(), new.clone());
        let act = move |state: &mut State| {
            let Some(record) = &mut state.record else { return Err(Fault::Missing("it is missing".to_owned())) };
            if record.version != version {
                return Err(Fault::Conflict);
            }
            let Claim { holder, process, seconds, transitions, is_new: _ } = claim;
            *record = Record { holder, process, seconds: Some(seconds), transitions, ..record.clone() };
            state.touch();
            Ok(state.record.clone().unwrap())
        };
        self.call(act).await
    }
}

/// A process that takes part.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) leadership: watch::Receiver<Leadership>,
    stage: watch::Sender<Stage>,
    task: JoinHandle<()>,
    told: Arc<Mutex<Vec<bool>>>,
    frozen: Arc<Mutex<Instant>>,
}

impl Member {
    pub(super) fn start(memory: &Memory, name: &str, seed: u64) -> Member {
        Member::start_telling(memory, name, seed, || {})
    }

    /// `led` is called at the moment when it begins to lead.
    pub(super) fn start_telling(memory: &Memory, name: &str, seed: u64, led: impl Fn() + Send + 'static) -> Member {
        let (stage, receiver) = watch::channel(Stage::Serving);
        let (tell, leadership) = watch::channel(Leadership::Unknown);
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = Arc::clone(&told);
        let on_change = move |change: Change<'_>| {
            let leads = matches!(change, Change::Leads(_));
            telling.lock().unwrap().push(leads);
            if leads {
                led();
            }
        };
        let candidate = Candidate { identity: name.to_owned(), seed };
        let frozen = Arc::new(Mutex::new(Instant::now()));
        let task =
            tokio::spawn(freezing(Arc::clone(&frozen), run(memory.clone(), candidate, receiver, tell, on_change)));
        Member { name: name.to_owned(), leadership, stage, task, told, frozen }
    }

    /// What it was told, also when that is over.
    pub(super) fn now(&self) -> Leadership {
        *self.leadership.borrow()
    }

    /// In which it has the right to write.
    pub(super) fn term(&self) -> Option<i64> {
        Right::elected(self.leadership.clone()).permit().ok().map(|permit| permit.term())
    }

    /// Each change: whether it led from then on.
    pub(super) fn told(&self) -> Vec<bool> {
        self.told.lock().unwrap().clone()
    }

    pub(super) async fn changed(&mut self) {
        self.leadership.changed().await.unwrap();
    }

    pub(super) async fn leads(&mut self, wanted: i64) {
        let leads = |now: &Leadership| matches!(now, Leadership::Leader { term, .. } if *term == wanted);
        tokio::time::timeout(Duration::from_secs(1000), self.leadership.wait_for(leads))
            .await
            .expect("it leads")
            .unwrap();
    }

    pub(super) async fn follows(&mut self) {
        let follows = |now: &Leadership| *now == Leadership::Follower;
        tokio::time::timeout(Duration::from_secs(1000), self.leadership.wait_for(follows)).await.unwrap().unwrap();
    }

    /// Does nothing for so long, as a stopped process.
    pub(super) fn freeze(&self, time: Duration) {
        *self.frozen.lock().unwrap() = Instant::now() + time;
    }

    /// Tells it to end.
    pub(super) fn end(&self) {
        self.stage.send_replace(Stage::LameDuck);
    }

    /// Whether it ends in good time.
    pub(super) async fn ended(&mut self) -> bool {
        tokio::time::timeout(Duration::from_secs(100), &mut self.task).await.is_ok_and(|ended| ended.is_ok())
    }

    pub(super) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Without a word.
    pub(super) fn kill(&self) {
        self.task.abort();
    }
}

/// A future that is not polled before that time.
async fn freezing(until: Arc<Mutex<Instant>>, task: impl Future<Output = ()>) {
    let mut task = pin!(task);
    let mut thaw: Option<Pin<Box<tokio::time::Sleep>>> = None;
    std::future::poll_fn(|context| {
        let until = *until.lock().unwrap();
        if Instant::now() < until {
            let sleep = thaw.insert(Box::pin(sleep_until(until)));
            let _ = sleep.as_mut().poll(context);
            return Poll::Pending;
        }
        task.as_mut().poll(context)
    })
    .await;
}
