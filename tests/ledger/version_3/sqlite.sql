-- The tables and the results relation of a ledger of version 3, as that version's package printed them.
CREATE TABLE uspeedo_attempts (
	attempt_no INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	uuid BLOB NOT NULL,
	campaign_no INTEGER NOT NULL,
	part BLOB NOT NULL,
	slice_no INTEGER DEFAULT '0' NOT NULL,
	slice_count INTEGER DEFAULT '1' NOT NULL,
	name TEXT NOT NULL,
	read_to INTEGER NOT NULL,
	reached INTEGER DEFAULT '0' NOT NULL,
	superseded_to INTEGER DEFAULT '0' NOT NULL,
	fingerprint BLOB,
	same_as INTEGER,
	started_at DATETIME NOT NULL,
	ended_at DATETIME,
	UNIQUE (uuid)
);

CREATE INDEX uspeedo_attempts_of_part ON uspeedo_attempts (campaign_no, part, slice_count, slice_no, attempt_no);

CREATE TABLE uspeedo_campaigns (
	campaign_no INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	name_hash BLOB NOT NULL,
	name TEXT NOT NULL,
	key_spec TEXT NOT NULL,
	created_at DATETIME NOT NULL,
	stopped_at DATETIME,
	stopped_by TEXT,
	pruned_at DATETIME,
	pruned_counts TEXT,
	UNIQUE (name_hash)
);

CREATE TABLE uspeedo_ledger (
	version INTEGER NOT NULL,
	PRIMARY KEY (version)
);

CREATE TABLE uspeedo_outcomes (
	request_id BLOB NOT NULL,
	"key" BLOB NOT NULL,
	status VARCHAR(10) NOT NULL,
	reason TEXT,
	PRIMARY KEY (request_id, "key")
);

CREATE TABLE uspeedo_past_requests (
	request_id BLOB NOT NULL,
	"key" BLOB NOT NULL,
	PRIMARY KEY (request_id, "key")
);

CREATE TABLE uspeedo_readings (
	attempt_no INTEGER NOT NULL,
	"row_number" INTEGER NOT NULL,
	"key" BLOB,
	again BLOB,
	request_id BLOB,
	status VARCHAR(10),
	reason TEXT,
	phone VARCHAR(64),
	user_id VARCHAR(64),
	template_id VARCHAR(128),
	sender_id VARCHAR(64),
	PRIMARY KEY (attempt_no, "row_number")
)
 WITHOUT ROWID;

CREATE UNIQUE INDEX uspeedo_readings_once ON uspeedo_readings (attempt_no, again) WHERE again IS NOT NULL;

CREATE TABLE uspeedo_receipts (
	request_id BLOB NOT NULL,
	"key" BLOB NOT NULL,
	result VARCHAR(16) NOT NULL,
	code VARCHAR(128),
	description TEXT,
	received_at DATETIME,
	cost_count INTEGER,
	PRIMARY KEY (request_id, "key")
);

CREATE TABLE uspeedo_recipients (
	campaign_no INTEGER NOT NULL,
	"key" BLOB NOT NULL,
	request_id BLOB NOT NULL,
	proven_request_id BLOB,
	first_attempt INTEGER NOT NULL,
	first_row INTEGER NOT NULL,
	phone VARCHAR(32) NOT NULL,
	user_id VARCHAR(64) NOT NULL,
	template_id VARCHAR(128) NOT NULL,
	sender_id VARCHAR(64) NOT NULL,
	PRIMARY KEY (campaign_no, "key")
);

CREATE TABLE uspeedo_requests (
	id BLOB NOT NULL,
	campaign_no INTEGER NOT NULL,
	attempt_no INTEGER NOT NULL,
	state VARCHAR(10) NOT NULL,
	claimed_at DATETIME NOT NULL,
	sent_at DATETIME,
	settled_at DATETIME,
	session_no TEXT,
	ret_code INTEGER,
	request_id VARCHAR(128),
	reason TEXT,
	PRIMARY KEY (id)
);

CREATE INDEX uspeedo_requests_of_campaign ON uspeedo_requests (campaign_no, attempt_no);

CREATE VIEW "uspeedo_results" AS
SELECT c.name AS campaign_id, rd."row_number" AS "row_number", nullif(lower(hex(rd."key")), '') AS recipient_key, coalesce(rd.phone, r.phone) AS phone, coalesce(rd.user_id, r.user_id) AS user_id, coalesce(rd.template_id, r.template_id) AS template_id, coalesce(rd.sender_id, r.sender_id) AS sender_id, CASE WHEN (rd.status IS NOT NULL) THEN rd.status ELSE CASE WHEN (x.status IS NOT NULL) THEN x.status WHEN (q.state = 'settled') THEN 'accepted' WHEN (q.state IN ('sending', 'unknown')) THEN 'unknown' ELSE 'not_sent' END END AS status, CASE WHEN (rd.status IS NOT NULL) THEN rd.reason ELSE coalesce(x.reason, CASE WHEN (q.state = 'sending') THEN 'in flight' ELSE q.reason END) END AS reason, q.session_no AS session_no, q.ret_code AS ret_code, q.request_id AS request_id, q.claimed_at AS claimed_at, q.settled_at AS settled_at, rc.result AS receipt_result, rc.code AS receipt_code, rc.description AS receipt_desc, rc.received_at AS receipt_at, rc.cost_count AS cost_count
FROM uspeedo_campaigns AS c CROSS JOIN uspeedo_attempts AS a ON a.campaign_no = c.campaign_no CROSS JOIN uspeedo_readings AS rd ON rd.attempt_no = a.attempt_no LEFT OUTER JOIN uspeedo_recipients AS r ON r.campaign_no = a.campaign_no AND r."key" = rd."key" AND rd.status IS NULL LEFT OUTER JOIN uspeedo_requests AS q ON q.id = coalesce(r.proven_request_id, r.request_id) LEFT OUTER JOIN uspeedo_outcomes AS x ON x.request_id = q.id AND x."key" = r."key" LEFT OUTER JOIN uspeedo_receipts AS rc ON rc.request_id = q.id AND rc."key" = r."key"
WHERE NOT ((EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count = a.slice_count AND b.slice_no = a.slice_no AND (b.reached > 0 OR b.read_to > 0) AND b.attempt_no > a.attempt_no)) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count < a.slice_count AND (b.reached > 0 OR b.read_to > 0) AND b.attempt_no > a.attempt_no)) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count > a.slice_count AND (b.reached > 0 OR b.read_to > 0) AND b.attempt_no > a.attempt_no))) UNION ALL SELECT c.name AS campaign_id, rd."row_number" AS "row_number", nullif(lower(hex(rd."key")), '') AS recipient_key, coalesce(rd.phone, r.phone) AS phone, coalesce(rd.user_id, r.user_id) AS user_id, coalesce(rd.template_id, r.template_id) AS template_id, coalesce(rd.sender_id, r.sender_id) AS sender_id, CASE WHEN (rd.status IS NOT NULL) THEN rd.status ELSE CASE WHEN (x.status IS NOT NULL) THEN x.status WHEN (q.state = 'settled') THEN 'accepted' WHEN (q.state IN ('sending', 'unknown')) THEN 'unknown' ELSE 'not_sent' END END AS status, CASE WHEN (rd.status IS NOT NULL) THEN rd.reason ELSE coalesce(x.reason, CASE WHEN (q.state = 'sending') THEN 'in flight' ELSE q.reason END) END AS reason, q.session_no AS session_no, q.ret_code AS ret_code, q.request_id AS request_id, q.claimed_at AS claimed_at, q.settled_at AS settled_at, rc.result AS receipt_result, rc.code AS receipt_code, rc.description AS receipt_desc, rc.received_at AS receipt_at, rc.cost_count AS cost_count
FROM uspeedo_campaigns AS c CROSS JOIN uspeedo_attempts AS a ON a.campaign_no = c.campaign_no CROSS JOIN uspeedo_readings AS rd ON rd.attempt_no = a.attempt_no LEFT OUTER JOIN uspeedo_recipients AS r ON r.campaign_no = a.campaign_no AND r."key" = rd."key" AND rd.status IS NULL LEFT OUTER JOIN uspeedo_requests AS q ON q.id = coalesce(r.proven_request_id, r.request_id) LEFT OUTER JOIN uspeedo_outcomes AS x ON x.request_id = q.id AND x."key" = r."key" LEFT OUTER JOIN uspeedo_receipts AS rc ON rc.request_id = q.id AND rc."key" = r."key"
WHERE ((EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count = a.slice_count AND b.slice_no = a.slice_no AND (b.reached > 0 OR b.read_to > 0) AND b.attempt_no > a.attempt_no)) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count < a.slice_count AND (b.reached > 0 OR b.read_to > 0) AND b.attempt_no > a.attempt_no)) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count > a.slice_count AND (b.reached > 0 OR b.read_to > 0) AND b.attempt_no > a.attempt_no))) AND a.superseded_to < a.reached AND CASE WHEN (rd."row_number" > a.superseded_to) THEN 1 ELSE 0 END = 1 AND rd."row_number" > a.superseded_to AND NOT (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count = a.slice_count AND b.slice_no = a.slice_no AND b.reached > 0 AND (b.reached >= rd."row_number" AND (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl."row_number" = rd."row_number")) OR rd.status IS NULL AND ((EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl.again = rd."key")) OR r.first_attempt = b.attempt_no)) AND b.attempt_no > a.attempt_no)) AND NOT (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count < a.slice_count AND (b.slice_count = 1 OR CASE WHEN (rd."key" IS NULL) THEN rd."row_number" ELSE ((instr('123456789ABCDEF', substr(hex(rd."key"), 1, 1))) * 4096 + (instr('123456789ABCDEF', substr(hex(rd."key"), 2, 1))) * 256 + (instr('123456789ABCDEF', substr(hex(rd."key"), 3, 1))) * 16 + (instr('123456789ABCDEF', substr(hex(rd."key"), 4, 1)))) END % b.slice_count = b.slice_no) AND (b.read_to >= rd."row_number" OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl."row_number" = rd."row_number")) OR rd.status IS NULL AND ((EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl.again = rd."key")) OR r.first_attempt = b.attempt_no)) AND b.attempt_no > a.attempt_no)) AND NOT (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count > a.slice_count AND (b.slice_count = 1 OR CASE WHEN (rd."key" IS NULL) THEN rd."row_number" ELSE ((instr('123456789ABCDEF', substr(hex(rd."key"), 1, 1))) * 4096 + (instr('123456789ABCDEF', substr(hex(rd."key"), 2, 1))) * 256 + (instr('123456789ABCDEF', substr(hex(rd."key"), 3, 1))) * 16 + (instr('123456789ABCDEF', substr(hex(rd."key"), 4, 1)))) END % b.slice_count = b.slice_no) AND (b.read_to >= rd."row_number" OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl."row_number" = rd."row_number")) OR rd.status IS NULL AND ((EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl.again = rd."key")) OR r.first_attempt = b.attempt_no)) AND b.attempt_no > a.attempt_no)) UNION ALL SELECT c.name AS campaign_id, CAST(NULL AS BIGINT) AS "row_number", nullif(lower(hex(r."key")), '') AS recipient_key, r.phone AS phone, r.user_id AS user_id, r.template_id AS template_id, r.sender_id AS sender_id, CASE WHEN (x.status IS NOT NULL) THEN x.status WHEN (q.state = 'settled') THEN 'accepted' WHEN (q.state IN ('sending', 'unknown')) THEN 'unknown' ELSE 'not_sent' END AS status, CASE WHEN (CASE WHEN (x.status IS NOT NULL) THEN x.status WHEN (q.state = 'settled') THEN 'accepted' WHEN (q.state IN ('sending', 'unknown')) THEN 'unknown' ELSE 'not_sent' END = 'not_sent' AND (EXISTS (SELECT 1
FROM uspeedo_attempts AS a
WHERE a.campaign_no = f.campaign_no AND a.part = f.part AND a.attempt_no > f.attempt_no AND a.read_to = 4611686018427387904 AND (a.slice_count = 1 OR CASE WHEN (r."key" IS NULL) THEN r.first_row ELSE ((instr('123456789ABCDEF', substr(hex(r."key"), 1, 1))) * 4096 + (instr('123456789ABCDEF', substr(hex(r."key"), 2, 1))) * 256 + (instr('123456789ABCDEF', substr(hex(r."key"), 3, 1))) * 16 + (instr('123456789ABCDEF', substr(hex(r."key"), 4, 1)))) END % a.slice_count = a.slice_no)))) THEN 'no longer in the source' WHEN (CASE WHEN (x.status IS NOT NULL) THEN x.status WHEN (q.state = 'settled') THEN 'accepted' WHEN (q.state IN ('sending', 'unknown')) THEN 'unknown' ELSE 'not_sent' END = 'not_sent') THEN 'not read by the latest try' ELSE coalesce(x.reason, CASE WHEN (q.state = 'sending') THEN 'in flight' ELSE q.reason END) END AS reason, q.session_no AS session_no, q.ret_code AS ret_code, q.request_id AS request_id, q.claimed_at AS claimed_at, q.settled_at AS settled_at, rc.result AS receipt_result, rc.code AS receipt_code, rc.description AS receipt_desc, rc.received_at AS receipt_at, rc.cost_count AS cost_count
FROM uspeedo_campaigns AS c CROSS JOIN uspeedo_recipients AS r ON r.campaign_no = c.campaign_no CROSS JOIN uspeedo_attempts AS f ON f.attempt_no = r.first_attempt LEFT OUTER JOIN uspeedo_requests AS q ON q.id = coalesce(r.proven_request_id, r.request_id) LEFT OUTER JOIN uspeedo_outcomes AS x ON x.request_id = q.id AND x."key" = r."key" LEFT OUTER JOIN uspeedo_receipts AS rc ON rc.request_id = q.id AND rc."key" = r."key"
WHERE (SELECT count(*) AS count_1
FROM uspeedo_attempts AS a
WHERE a.campaign_no = c.campaign_no AND ((EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count = a.slice_count AND b.slice_no = a.slice_no AND (b.reached > 0 OR b.read_to > 0) AND b.attempt_no > a.attempt_no)) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count < a.slice_count AND (b.reached > 0 OR b.read_to > 0) AND b.attempt_no > a.attempt_no)) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count > a.slice_count AND (b.reached > 0 OR b.read_to > 0) AND b.attempt_no > a.attempt_no)))) > 0 AND ((EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = f.campaign_no AND b.part = f.part AND b.slice_count = f.slice_count AND b.slice_no = f.slice_no AND (b.reached > 0 OR b.read_to > 0) AND b.attempt_no > f.attempt_no)) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = f.campaign_no AND b.part = f.part AND b.slice_count < f.slice_count AND (b.reached > 0 OR b.read_to > 0) AND b.attempt_no > f.attempt_no)) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = f.campaign_no AND b.part = f.part AND b.slice_count > f.slice_count AND (b.reached > 0 OR b.read_to > 0) AND b.attempt_no > f.attempt_no))) AND CASE WHEN (r.campaign_no = c.campaign_no) THEN 1 ELSE 0 END = 1 AND NOT (NOT (r.first_row <= f.superseded_to OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = f.campaign_no AND b.part = f.part AND b.slice_count = f.slice_count AND b.slice_no = f.slice_no AND b.reached > 0 AND (b.reached >= r.first_row AND (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl."row_number" = r.first_row)) OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl.again = r."key")) OR r.first_attempt = b.attempt_no) AND b.attempt_no > f.attempt_no)) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = f.campaign_no AND b.part = f.part AND b.slice_count < f.slice_count AND (b.slice_count = 1 OR CASE WHEN (r."key" IS NULL) THEN r.first_row ELSE ((instr('123456789ABCDEF', substr(hex(r."key"), 1, 1))) * 4096 + (instr('123456789ABCDEF', substr(hex(r."key"), 2, 1))) * 256 + (instr('123456789ABCDEF', substr(hex(r."key"), 3, 1))) * 16 + (instr('123456789ABCDEF', substr(hex(r."key"), 4, 1)))) END % b.slice_count = b.slice_no) AND (b.read_to >= r.first_row OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl."row_number" = r.first_row)) OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl.again = r."key")) OR r.first_attempt = b.attempt_no) AND b.attempt_no > f.attempt_no)) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = f.campaign_no AND b.part = f.part AND b.slice_count > f.slice_count AND (b.slice_count = 1 OR CASE WHEN (r."key" IS NULL) THEN r.first_row ELSE ((instr('123456789ABCDEF', substr(hex(r."key"), 1, 1))) * 4096 + (instr('123456789ABCDEF', substr(hex(r."key"), 2, 1))) * 256 + (instr('123456789ABCDEF', substr(hex(r."key"), 3, 1))) * 16 + (instr('123456789ABCDEF', substr(hex(r."key"), 4, 1)))) END % b.slice_count = b.slice_no) AND (b.read_to >= r.first_row OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl."row_number" = r.first_row)) OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl.again = r."key")) OR r.first_attempt = b.attempt_no) AND b.attempt_no > f.attempt_no))) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS a JOIN uspeedo_readings AS rd ON rd.attempt_no = a.attempt_no
WHERE a.campaign_no = c.campaign_no AND a.attempt_no != f.attempt_no AND rd.again = r."key" AND a.superseded_to < a.reached AND NOT (rd."row_number" <= a.superseded_to OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count = a.slice_count AND b.slice_no = a.slice_no AND b.reached > 0 AND (b.reached >= rd."row_number" AND (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl."row_number" = rd."row_number")) OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl.again = rd."key")) OR r.first_attempt = b.attempt_no) AND b.attempt_no > a.attempt_no)) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count < a.slice_count AND (b.slice_count = 1 OR CASE WHEN (rd."key" IS NULL) THEN rd."row_number" ELSE ((instr('123456789ABCDEF', substr(hex(rd."key"), 1, 1))) * 4096 + (instr('123456789ABCDEF', substr(hex(rd."key"), 2, 1))) * 256 + (instr('123456789ABCDEF', substr(hex(rd."key"), 3, 1))) * 16 + (instr('123456789ABCDEF', substr(hex(rd."key"), 4, 1)))) END % b.slice_count = b.slice_no) AND (b.read_to >= rd."row_number" OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl."row_number" = rd."row_number")) OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl.again = rd."key")) OR r.first_attempt = b.attempt_no) AND b.attempt_no > a.attempt_no)) OR (EXISTS (SELECT 1
FROM uspeedo_attempts AS b
WHERE b.campaign_no = a.campaign_no AND b.part = a.part AND b.slice_count > a.slice_count AND (b.slice_count = 1 OR CASE WHEN (rd."key" IS NULL) THEN rd."row_number" ELSE ((instr('123456789ABCDEF', substr(hex(rd."key"), 1, 1))) * 4096 + (instr('123456789ABCDEF', substr(hex(rd."key"), 2, 1))) * 256 + (instr('123456789ABCDEF', substr(hex(rd."key"), 3, 1))) * 16 + (instr('123456789ABCDEF', substr(hex(rd."key"), 4, 1)))) END % b.slice_count = b.slice_no) AND (b.read_to >= rd."row_number" OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl."row_number" = rd."row_number")) OR (EXISTS (SELECT 1
FROM uspeedo_readings AS bl
WHERE bl.attempt_no = b.attempt_no AND bl.again = rd."key")) OR r.first_attempt = b.attempt_no) AND b.attempt_no > a.attempt_no))))));

INSERT INTO uspeedo_ledger (version) VALUES (3);
