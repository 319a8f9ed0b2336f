//! What is served, kept current: files that change are read again, and a self-made certificate is renewed before its end.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::leaf::{self, Leaf, LeafError};
use super::{CertificateError, Files, Origin, Pair, Problem, Subject, load_or_make};
use crate::tls::{ClientAuthorities, Tls, TlsError};

/// No certificate file is that large.
const FILE_LIMIT: u64 = 1024 * 1024;
/// An administrator hears this early that a certificate ends which nobody renews.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The same for an authority: every API server has to be given another one.
const AUTHORITY_ENDS_SOON: SignedDuration = SignedDuration::from_hours(365 * 24);

/// What to keep.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Certificate and key.
    pub place: Place,
    /// PEM file with the authorities of client certificates; none: clients are not asked.
    pub client_authorities: Option<PathBuf>,
}

/// Where certificate and key are.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a folder of this program, which makes them where they are missing.
    Folder(OwnFolder),
    /// In files of somebody else: never made, never written, never renewed here.
    Given(Files),
}

/// A folder with `cert.pem` and `key.pem`, and what is made there.
#[derive(Clone, Debug)]
pub struct OwnFolder {
    /// The folder.
    pub folder: PathBuf,
    /// The authority's common name: what has it, and signs with its own key, is self-made.
    pub common_name: &'static str,
    /// For self-made certificates.
    pub address: IpAddr,
    /// For self-made certificates, and the name that a certificate is expected to have.
    pub hostname: String,
    /// How long a self-made certificate lives.
    pub lifetime: Duration,
}

impl OwnFolder {
    fn subject(&self) -> Subject<'_> {
        Subject { common_name: self.common_name, address: self.address, hostname: &self.hostname }
    }
}

impl Place {
    fn files(&self) -> Files {
        match self {
            Place::Folder(own) => Files::in_folder(&own.folder),
            Place::Given(files) => files.clone(),
        }
    }

    /// The folder whose pair is this program's own, which may issue leaves under it.
    fn made_by_us(&self, pair: &Pair) -> Option<&OwnFolder> {
        match self {
            Place::Folder(own) if pair.is_self_made(own.common_name) => Some(own),
            _ => None,
        }
    }
}

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// Certificate and key.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The authorities of client certificates.
    #[error("cannot use the authorities of client certificates in {}: {reason}; init --client-certificate makes such a file", .path.display())]
    ClientAuthorities {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// TLS settings.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Something that happened when the keeper looked.
#[derive(Debug)]
pub enum Event {
    /// Certificate and key changed on disk, and are served.
    Reloaded,
    /// They changed into something that cannot be served; the last good ones are.
    NotReloaded(CertificateError),
    /// The authorities of client certificates changed, and count.
    ClientAuthoritiesReloaded,
    /// They changed into something else; the last good ones count. The text says why.
    ClientAuthoritiesNotReloaded(String),
    /// A self-made certificate was made anew under the same key and authority.
    Renewed,
    /// It could not be; the last one is served on.
    NotRenewed(LeafError),
}

/// Certificate, key and client authorities as they are served now.
pub struct Keeper {
    kept: Kept,
    tls: Arc<Tls>,
    pair: Pair,
    leaf: Option<Leaf>,
    /// That there is no new leaf is said once.
    said_why_not: bool,
    pair_files: Watched,
    client_file: Watched,
}

impl Keeper {
    /// Reads the files; in a folder of its own, makes certificate and key where either is missing, see [`load_or_make`].
    ///
    /// # Errors
    /// [`KeeperError`]: at the start nothing is served that is not as it was asked for.
    pub fn start(kept: Kept, now: Timestamp) -> Result<(Keeper, Origin, Vec<Event>), KeeperError> {
        let origin = match &kept.place {
            Place::Folder(own) => load_or_make(&own.folder, &own.subject(), now)?.1,
            Place::Given(_) => Origin::Kept,
        };
        let files = kept.place.files();
        // Read once more, so that what is compared later is what is served.
        let pair_content = read_pair(&files);
        let pair = parse_pair(&files, &pair_content)?;
        let client_content = read_clients(&kept);
        let clients = match &kept.client_authorities {
            None => None,
            Some(path) => Some(
                parse_clients(&client_content)
                    .map_err(|reason| KeeperError::ClientAuthorities { path: path.clone(), reason })?,
            ),
        };
        let tls = Tls::new(pair.certified_key()?, clients)?;
        let (pair_files, client_file) = (Watched::new(pair_content), Watched::new(client_content));
        let mut keeper = Keeper { kept, tls, pair, leaf: None, said_why_not: false, pair_files, client_file };
        let events = keeper.renew_where_due(now).into_iter().collect();
        Ok((keeper, origin, events))
    }

    /// For the listener; what the keeper does later shows there.
    pub fn tls(&self) -> Arc<Tls> {
        Arc::clone(&self.tls)
    }

    /// The pair on disk, as last read well.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Whether this program renews what is served.
    pub fn renews(&self) -> bool {
        self.leaf.is_some()
    }

    /// When what is served ends.
    pub fn not_after(&self) -> Timestamp {
        self.leaf.as_ref().map_or_else(|| self.pair.not_after(), |leaf| leaf.not_after)
    }

    /// What an administrator should hear about.
    pub fn problems(&self, now: Timestamp) -> Vec<Problem> {
        let mut problems = match &self.kept.place {
            Place::Folder(own) => self.pair.problems(&own.hostname, now),
            Place::Given(_) => {
                let mut problems = self.pair.problems("", now);
                // Which names are needed, whoever gave the files knows.
                problems.retain(|problem| !matches!(problem, Problem::OtherName { .. }));
                problems
            }
        };
        let file = || self.pair.files().certificate.clone();
        let soon = |at: Timestamp, early: SignedDuration| now < at && at.duration_since(now) < early;
        if self.leaf.is_some() {
            // The leaf on disk is not the one that is served.
            problems.retain(|problem| matches!(problem, Problem::OpenKey { .. }));
            let at = self.pair.anchor_not_after();
            if soon(at, AUTHORITY_ENDS_SOON) {
                problems.push(Problem::AuthorityEndsSoon { file: file(), at });
            }
        } else if soon(self.pair.not_after(), ENDS_SOON) {
            problems.push(Problem::EndsSoon { file: file(), at: self.pair.not_after() });
        }
        if let Some(at) = self.tls.client_not_after().filter(|at| soon(*at, ENDS_SOON)) {
            problems.push(Problem::ClientEndsSoon { at });
        }
        problems
    }

    /// Reads what changed, renews what is due.
    pub fn look(&mut self, now: Timestamp) -> Vec<Event> {
        let mut events = Vec::new();
        let files = self.kept.place.files();
        let content = read_pair(&files);
        match self.pair_files.look(content, |content| parse_pair(&files, content)) {
            None => {}
            Some(Err(error)) => events.push(Event::NotReloaded(error)),
            Some(Ok(pair)) => match pair.certified_key() {
                Err(error) => events.push(Event::NotReloaded(error)),
                Ok(certified) => {
                    (self.pair, self.leaf, self.said_why_not) = (pair, None, false);
                    // A self-made one is served as its fresh leaf from the start; see the end of this function.
                    if self.kept.place.made_by_us(&self.pair).is_none() {
                        self.tls.replace_certificate(certified);
                    }
                    events.push(Event::Reloaded);
                }
            },
        }
        if self.kept.client_authorities.is_some() {
            match self.client_file.look(read_clients(&self.kept), parse_clients) {
                None => {}
                Some(Err(reason)) => events.push(Event::ClientAuthoritiesNotReloaded(reason)),
                Some(Ok(clients)) => events.push(match self.tls.replace_client_authorities(clients) {
                    Ok(()) => Event::ClientAuthoritiesReloaded,
                    Err(error) => Event::ClientAuthoritiesNotReloaded(error.to_string()),
                }),
            }
        }
        events.extend(self.renew_where_due(now));
        events
    }

    fn renew_where_due(&mut self, now: Timestamp) -> Option<Event> {
        let due = self.leaf.as_ref().is_none_or(|leaf| leaf.is_due(now));
        let own = self.kept.place.made_by_us(&self.pair).filter(|_| due)?;
        let made = leaf::issue(&self.pair, &own.subject(), own.lifetime, now).and_then(|leaf| {
            let certified = self.pair.certified_key_with(leaf.chain.clone());
            certified
                .map(|certified| (leaf, certified))
                .map_err(|error| LeafError::Unverified(error.to_string()))
        });
        match made {
            Ok((leaf, certified)) => {
                self.tls.replace_certificate(certified);
                (self.leaf, self.said_why_not) = (Some(leaf), false);
                Some(Event::Renewed)
            }
            Err(error) => {
                if self.leaf.is_none()
                    && let Ok(certified) = self.pair.certified_key()
                {
                    self.tls.replace_certificate(certified);
                }
                let said = std::mem::replace(&mut self.said_why_not, true);
                (!said).then_some(Event::NotRenewed(error))
            }
        }
    }
}

/// The content of files; for one that cannot be read, the kind of error.
type Content = Vec<Result<Vec<u8>, io::ErrorKind>>;

fn read_pair(files: &Files) -> Content {
    vec![read(&files.certificate), read(&files.key)]
}

fn parse_pair(files: &Files, content: &Content) -> Result<Pair, CertificateError> {
    let of = |position: usize, path: &Path| match content.get(position) {
        Some(Ok(bytes)) => Ok(bytes.clone()),
        Some(Err(kind)) => Err(CertificateError::Read { path: path.to_owned(), source: (*kind).into() }),
        None => Err(CertificateError::Read { path: path.to_owned(), source: io::ErrorKind::NotFound.into() }),
    };
    Pair::parse(files, &of(0, &files.certificate)?, &of(1, &files.key)?)
}

fn read_clients(kept: &Kept) -> Content {
    kept.client_authorities.iter().map(|path| read(path)).collect()
}

fn parse_clients(content: &Content) -> Result<ClientAuthorities, String> {
    match content.first() {
        Some(Ok(bytes)) => ClientAuthorities::from_pem(bytes).map_err(|error| error.to_string()),
        Some(Err(kind)) => Err(if *kind == io::ErrorKind::NotFound {
            "there is no such file".to_owned()
        } else {
            io::Error::from(*kind).to_string()
        }),
        None => Err("no file is named".to_owned()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, io::ErrorKind> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.kind())?;
    match file.take(FILE_LIMIT).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(error.kind()),
    }
}

/// Files that somebody else replaces, possibly one after the other: what cannot be used is looked at twice before it is
/// said, and said once.
struct Watched {
    good: Content,
    suspect: Option<(Content, bool)>,
}

impl Watched {
    fn new(good: Content) -> Watched {
        Watched { good, suspect: None }
    }

    fn look<T, E>(
        &mut self,
        content: Content,
        parse: impl FnOnce(&Content) -> Result<T, E>,
    ) -> Option<Result<T, E>> {
        if content == self.good {
            self.suspect = None;
            return None;
        }
        match (parse(&content), &mut self.suspect) {
            (Ok(value), suspect) => {
                *suspect = None;
                self.good = content;
                Some(Ok(value))
            }
            (Err(error), Some((seen, said))) if *seen == content => {
                if std::mem::replace(said, true) {
                    None
                } else {
                    Some(Err(error))
                }
            }
            (Err(_), suspect) => {
                *suspect = Some((content, false));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
