-- The tables of a ledger of version 1, as that version's package printed them.
CREATE TABLE uspeedo_attempts (
	attempt_no BIGSERIAL NOT NULL,
	uuid BYTEA NOT NULL,
	campaign_no BIGINT NOT NULL,
	part BYTEA NOT NULL,
	name TEXT NOT NULL,
	read_to BIGINT NOT NULL,
	started_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	ended_at TIMESTAMP WITHOUT TIME ZONE,
	PRIMARY KEY (attempt_no),
	UNIQUE (uuid)
);

CREATE INDEX uspeedo_attempts_of_campaign ON uspeedo_attempts (campaign_no, part, attempt_no);

CREATE TABLE uspeedo_campaigns (
	campaign_no BIGSERIAL NOT NULL,
	name_hash BYTEA NOT NULL,
	name TEXT NOT NULL,
	key_spec TEXT NOT NULL,
	created_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	PRIMARY KEY (campaign_no),
	UNIQUE (name_hash)
);

CREATE TABLE uspeedo_ledger (
	version INTEGER NOT NULL,
	PRIMARY KEY (version)
);

CREATE TABLE uspeedo_outcomes (
	request_id BYTEA NOT NULL,
	key BYTEA NOT NULL,
	status VARCHAR(10) NOT NULL,
	reason TEXT,
	PRIMARY KEY (request_id, key)
);

CREATE TABLE uspeedo_past_requests (
	request_id BYTEA NOT NULL,
	key BYTEA NOT NULL,
	PRIMARY KEY (request_id, key)
);

CREATE TABLE uspeedo_readings (
	attempt_no BIGINT NOT NULL,
	"row_number" BIGINT NOT NULL,
	key BYTEA,
	again BYTEA,
	request_id BYTEA,
	status VARCHAR(10),
	reason TEXT,
	phone VARCHAR(64),
	user_id VARCHAR(64),
	template_id VARCHAR(128),
	sender_id VARCHAR(64),
	PRIMARY KEY (attempt_no, "row_number")
);

CREATE UNIQUE INDEX uspeedo_readings_once ON uspeedo_readings (attempt_no, again) WHERE again IS NOT NULL;

CREATE TABLE uspeedo_receipts (
	request_id BYTEA NOT NULL,
	key BYTEA NOT NULL,
	result VARCHAR(16) NOT NULL,
	code VARCHAR(128),
	description TEXT,
	received_at TIMESTAMP WITHOUT TIME ZONE,
	cost_count INTEGER,
	PRIMARY KEY (request_id, key)
);

CREATE TABLE uspeedo_recipients (
	campaign_no BIGINT NOT NULL,
	key BYTEA NOT NULL,
	request_id BYTEA NOT NULL,
	proven_request_id BYTEA,
	first_attempt BIGINT NOT NULL,
	first_row BIGINT NOT NULL,
	phone VARCHAR(32) NOT NULL,
	user_id VARCHAR(64) NOT NULL,
	template_id VARCHAR(128) NOT NULL,
	sender_id VARCHAR(64) NOT NULL,
	PRIMARY KEY (campaign_no, key)
);

CREATE INDEX uspeedo_recipients_of_request ON uspeedo_recipients (request_id, first_attempt);

CREATE TABLE uspeedo_requests (
	id BYTEA NOT NULL,
	campaign_no BIGINT NOT NULL,
	attempt_no BIGINT NOT NULL,
	state VARCHAR(10) NOT NULL,
	claimed_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	sent_at TIMESTAMP WITHOUT TIME ZONE,
	settled_at TIMESTAMP WITHOUT TIME ZONE,
	session_no TEXT,
	ret_code BIGINT,
	request_id VARCHAR(128),
	reason TEXT,
	PRIMARY KEY (id)
);

CREATE INDEX uspeedo_requests_of_campaign ON uspeedo_requests (campaign_no, attempt_no);

CREATE VIEW uspeedo_results AS
SELECT c.name AS campaign_id, rd."row_number" AS "row_number", encode(rd.key, 'hex') AS recipient_key, coalesce(rd.phone, r.phone) AS phone, coalesce(rd.user_id, r.user_id) AS user_id, coalesce(rd.template_id, r.template_id) AS template_id, coalesce(rd.sender_id, r.sender_id) AS sender_id, CASE WHEN (rd.status IS NOT NULL) THEN rd.status ELSE CASE WHEN (x.status IS NOT NULL) THEN x.status WHEN (q.state = 'settled') THEN 'accepted' WHEN (q.state IN ('sending', 'unknown')) THEN 'unknown' ELSE 'not_sent' END END AS status, CASE WHEN (rd.status IS NOT NULL) THEN rd.reason ELSE coalesce(x.reason, CASE WHEN (q.state = 'sending') THEN 'in flight' ELSE q.reason END) END AS reason, q.session_no AS session_no, q.ret_code AS ret_code, q.request_id AS request_id, q.claimed_at AS claimed_at, q.settled_at AS settled_at, rc.result AS receipt_result, rc.code AS receipt_code, rc.description AS receipt_desc, rc.received_at AS receipt_at, rc.cost_count AS cost_count
FROM uspeedo_attempts AS a JOIN uspeedo_readings AS rd ON rd.attempt_no = a.attempt_no LEFT OUTER JOIN uspeedo_recipients AS r ON r.campaign_no = a.campaign_no AND r.key = rd.key AND rd.status IS NULL LEFT OUTER JOIN uspeedo_requests AS q ON q.id = coalesce(r.proven_request_id, r.request_id) LEFT OUTER JOIN uspeedo_outcomes AS x ON x.request_id = q.id AND x.key = r.key JOIN uspeedo_campaigns AS c ON c.campaign_no = a.campaign_no LEFT OUTER JOIN uspeedo_receipts AS rc ON rc.request_id = q.id AND rc.key = r.key
WHERE NOT (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.attempt_no > a.attempt_no AND (b.read_to >= rd."row_number" OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl."row_number" = rd."row_number"))))) UNION ALL SELECT c.name AS campaign_id, CAST(NULL AS BIGINT) AS "row_number", encode(r.key, 'hex') AS recipient_key, r.phone AS phone, r.user_id AS user_id, r.template_id AS template_id, r.sender_id AS sender_id, CASE WHEN (x.status IS NOT NULL) THEN x.status WHEN (q.state = 'settled') THEN 'accepted' WHEN (q.state IN ('sending', 'unknown')) THEN 'unknown' ELSE 'not_sent' END AS status, CASE WHEN (CASE WHEN (x.status IS NOT NULL) THEN x.status WHEN (q.state = 'settled') THEN 'accepted' WHEN (q.state IN ('sending', 'unknown')) THEN 'unknown' ELSE 'not_sent' END = 'not_sent' AND (EXISTS (SELECT 1
FROM uspeedo_attempts AS a
WHERE a.campaign_no = r.campaign_no AND a.attempt_no > r.first_attempt AND a.read_to = 4611686018427387904))) THEN 'no longer in the source' WHEN (CASE WHEN (x.status IS NOT NULL) THEN x.status WHEN (q.state = 'settled') THEN 'accepted' WHEN (q.state IN ('sending', 'unknown')) THEN 'unknown' ELSE 'not_sent' END = 'not_sent') THEN 'not read by the latest try' ELSE coalesce(x.reason, CASE WHEN (q.state = 'sending') THEN 'in flight' ELSE q.reason END) END AS reason, q.session_no AS session_no, q.ret_code AS ret_code, q.request_id AS request_id, q.claimed_at AS claimed_at, q.settled_at AS settled_at, rc.result AS receipt_result, rc.code AS receipt_code, rc.description AS receipt_desc, rc.received_at AS receipt_at, rc.cost_count AS cost_count
FROM uspeedo_recipients AS r LEFT OUTER JOIN uspeedo_requests AS q ON q.id = coalesce(r.proven_request_id, r.request_id) LEFT OUTER JOIN uspeedo_outcomes AS x ON x.request_id = q.id AND x.key = r.key JOIN uspeedo_campaigns AS c ON c.campaign_no = r.campaign_no LEFT OUTER JOIN uspeedo_receipts AS rc ON rc.request_id = q.id AND rc.key = r.key
WHERE NOT (EXISTS (SELECT 1
FROM uspeedo_attempts AS a
WHERE a.attempt_no = r.first_attempt AND NOT (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.attempt_no > a.attempt_no AND (b.read_to >= r.first_row OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl."row_number" = r.first_row))))))) AND NOT (EXISTS (SELECT 1
FROM uspeedo_attempts AS a JOIN uspeedo_readings AS rd ON rd.attempt_no = a.attempt_no
WHERE a.campaign_no = r.campaign_no AND rd.again = r.key AND NOT (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.attempt_no > a.attempt_no AND (b.read_to >= rd."row_number" OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl."row_number" = rd."row_number")))))));

INSERT INTO uspeedo_ledger (version) VALUES (1);

