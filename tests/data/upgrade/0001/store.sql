BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE calls (
	id VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	"group" VARCHAR NOT NULL, 
	start_ns BIGINT NOT NULL, 
	decided BOOLEAN NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_calls PRIMARY KEY (id)
);
INSERT INTO "calls" VALUES('00000000000000000000000000000001:0000000000000001','00000000000000000000000000000001','function chat planted',1764000000000001000,1,'{"trace_id":"00000000000000000000000000000001","span_id":"0000000000000001","name":"chat planted","form":"chat","messages":[{"role":"user","content":"please1 give1 me1 my1 refund1 now1 or1 else1"}],"answer":"your money comes back","status":"returned","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000001000,"end_ns":1764000000000001500,"prompts":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"linked":{},"cut":false,"no_content":null,"unrepeatable":null}');
INSERT INTO "calls" VALUES('00000000000000000000000000000002:0000000000000001','00000000000000000000000000000002','function chat planted',1764000000000002000,1,'{"trace_id":"00000000000000000000000000000002","span_id":"0000000000000001","name":"chat planted","form":"chat","messages":[{"role":"user","content":"please2 give2 me2 my2 refund2 now2 or2 else2"}],"answer":"your money comes back","status":"returned","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000002000,"end_ns":1764000000000002500,"prompts":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"linked":{},"cut":false,"no_content":null,"unrepeatable":null}');
INSERT INTO "calls" VALUES('00000000000000000000000000000005:0000000000000001','00000000000000000000000000000005','function chat gone',1764000000000005000,1,'{"trace_id":"00000000000000000000000000000005","span_id":"0000000000000001","name":"chat gone","form":"chat","messages":[{"role":"user","content":"please5 give5 me5 my5 refund5 now5 or5 else5"}],"answer":"your money comes back","status":"returned","error":null,"model":"gone","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000005000,"end_ns":1764000000000005500,"prompts":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"linked":{},"cut":false,"no_content":null,"unrepeatable":null}');
INSERT INTO "calls" VALUES('00000000000000000000000000000006:0000000000000001','00000000000000000000000000000006','function chat planted',1764000000000006000,1,'{"trace_id":"00000000000000000000000000000006","span_id":"0000000000000001","name":"chat planted","form":"chat","messages":[{"role":"user","content":"please6 give6 me6 my6 refund6 now6 or6 else6"}],"answer":"your money comes back","status":"raised","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000006000,"end_ns":1764000000000006500,"prompts":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"linked":{},"cut":false,"no_content":null,"unrepeatable":null}');
INSERT INTO "calls" VALUES('00000000000000000000000000000003:0000000000000001','00000000000000000000000000000003','function chat planted',1764000000000003000,1,'{"trace_id":"00000000000000000000000000000003","span_id":"0000000000000001","name":"chat planted","form":"chat","messages":[{"role":"user","content":"please3 give3 me3 my3 refund3 now3 or3 else3"}],"answer":"your money comes back","status":"returned","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000003000,"end_ns":1764000000000003500,"prompts":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"linked":{},"cut":false,"no_content":null,"unrepeatable":null}');
INSERT INTO "calls" VALUES('00000000000000000000000000000004:0000000000000001','00000000000000000000000000000004','function chat planted',1764000000000004000,1,'{"trace_id":"00000000000000000000000000000004","span_id":"0000000000000001","name":"chat planted","form":"chat","messages":[{"role":"user","content":"please4 give4 me4 my4 refund4 now4 or4 else4"}],"answer":"your money comes back","status":"returned","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000004000,"end_ns":1764000000000004500,"prompts":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"linked":{},"cut":false,"no_content":null,"unrepeatable":null}');
CREATE TABLE corrupt_lines (
	file VARCHAR NOT NULL, 
	"offset" BIGINT NOT NULL, 
	error TEXT NOT NULL, 
	line BLOB NOT NULL, 
	kept_at FLOAT NOT NULL, 
	CONSTRAINT pk_corrupt_lines PRIMARY KEY (file, "offset")
);
INSERT INTO "corrupt_lines" VALUES('7.jsonl',0,'the line is no JSON: Expecting value: line 1 column 1 (char 0)',X'6E6F206C696E65206F66206F757273',1.79557958181026816e+09);
CREATE TABLE deliveries (
	tracker VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	item VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	attempts INTEGER NOT NULL, 
	not_before FLOAT NOT NULL, 
	reason TEXT, 
	external_id VARCHAR, 
	url TEXT, 
	created_at FLOAT NOT NULL, 
	CONSTRAINT pk_deliveries PRIMARY KEY (tracker, kind, item)
);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000001','00000000000000000000000000000001','delivered',1,0.0,NULL,'00000000000000000000000000000001',NULL,1.79557957876045036e+09);
INSERT INTO "deliveries" VALUES('folder','explanation','00000000000000000000000000000001:0000000000000001','00000000000000000000000000000001','delivered',1,0.0,NULL,'00000000000000000000000000000001:0000000000000001',NULL,1.79557958135110616e+09);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000002','00000000000000000000000000000002','waiting',0,0.0,NULL,NULL,NULL,1.79557958189445972e+09);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000005','00000000000000000000000000000005','waiting',0,0.0,NULL,NULL,NULL,1.79557958189445972e+09);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000006','00000000000000000000000000000006','waiting',0,0.0,NULL,NULL,NULL,1.79557958189445972e+09);
INSERT INTO "deliveries" VALUES('folder','explanation','00000000000000000000000000000002:0000000000000001','00000000000000000000000000000002','waiting',0,0.0,NULL,NULL,NULL,1.79557958452450823e+09);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000003','00000000000000000000000000000003','waiting',0,0.0,NULL,NULL,NULL,1.79557958867452406e+09);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000004','00000000000000000000000000000004','waiting',0,0.0,NULL,NULL,NULL,1.79557958867452406e+09);
CREATE TABLE explanations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	call_id VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	settings_hash VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT uq_explanations_call_id_settings_hash_attempt UNIQUE (call_id, settings_hash, attempt)
);
INSERT INTO "explanations" VALUES(1,'00000000000000000000000000000001:0000000000000001','00000000000000000000000000000001','384504918f6d42f0',1,'reliable',1.79557958129047799e+09,'{"schema_version":1,"messages":[{"role":"user","content":"please1 give1 me1 my1 refund1 now1 or1 else1"}],"form":"chat","answer":"your money comes back","signal":"text","segments":[{"text":"please1","message":0,"role":"user","start":0,"end":7,"unit":"word","key":"0:word:0","attribution":0.00001765314063662645,"ci_low":-0.00016639469910284744,"ci_high":0.00048356665559974463,"p_value":0.65,"significant":false,"leave_one_out":null,"frozen":false},{"text":"give1","message":0,"role":"user","start":8,"end":13,"unit":"word","key":"0:word:1","attribution":0.00001913752128650471,"ci_low":-0.00041406326453193693,"ci_high":0.0002401278404918687,"p_value":0.747,"significant":false,"leave_one_out":null,"frozen":false},{"text":"me1","message":0,"role":"user","start":14,"end":17,"unit":"word","key":"0:word:2","attribution":4.994482145083225e-6,"ci_low":-0.0004515397176112852,"ci_high":0.00020218362512454207,"p_value":0.73,"significant":false,"leave_one_out":null,"frozen":false},{"text":"my1","message":0,"role":"user","start":18,"end":21,"unit":"word","key":"0:word:3","attribution":-0.00006050040136142179,"ci_low":-0.0006066724347314979,"ci_high":0.0001203995166122957,"p_value":0.195,"significant":false,"leave_one_out":null,"frozen":false},{"text":"refund1","message":0,"role":"user","start":22,"end":29,"unit":"word","key":"0:word:4","attribution":0.999871892428877,"ci_low":0.9997727324981972,"ci_high":1.0,"p_value":0.003,"significant":true,"leave_one_out":null,"frozen":false},{"text":"now1","message":0,"role":"user","start":30,"end":34,"unit":"word","key":"0:word:5","attribution":7.937080344583853e-6,"ci_low":-0.000186039682859385,"ci_high":0.0004637516013557626,"p_value":0.892,"significant":false,"leave_one_out":0.0,"frozen":false},{"text":"or1","message":0,"role":"user","start":35,"end":38,"unit":"word","key":"0:word:6","attribution":-0.00002861211338009176,"ci_low":-0.0002637293010274755,"ci_high":0.00041211717239237494,"p_value":0.868,"significant":false,"leave_one_out":null,"frozen":false},{"text":"else1","message":0,"role":"user","start":39,"end":44,"unit":"word","key":"0:word:7","attribution":1.976406496959674e-6,"ci_low":-0.00020994550833352917,"ci_high":0.0004528460845764147,"p_value":0.563,"significant":false,"leave_one_out":null,"frozen":false}],"fidelity":{"status":"reliable","reason":"the parts of the prompt predict 99% of the change in held-out answers.","r2_heldout":0.9866118848924363,"r2_low":0.966370140553232,"r2_high":1.0,"noise_floor":0.0,"noise_ceiling":null,"interval_level":0.9},"cost":{"target_calls":12,"proxy_calls":0,"cached_calls":0,"tokens":102,"usd":null},"summary":"The answer hangs on “refund1” (without it, all of the answer is lost); seven other words made no measurable difference.","partitions":[["0:word:0","0:word:1","0:word:2","0:word:3","0:word:4","0:word:5","0:word:6","0:word:7"]],"settings":{"model":"planted","unit":"word","freeze":[],"budget":12,"signal":"auto","proxy":null,"seed":0,"pooled":false},"proxy_scored":false,"explained_at":"2026-11-25T04:06:20+00:00","metadata":{}}');
INSERT INTO "explanations" VALUES(2,'00000000000000000000000000000002:0000000000000001','00000000000000000000000000000002','384504918f6d42f0',1,'reliable',1.79557958451592302e+09,'{"schema_version":1,"messages":[{"role":"user","content":"please2 give2 me2 my2 refund2 now2 or2 else2"}],"form":"chat","answer":"your money comes back","signal":"text","segments":[{"text":"please2","message":0,"role":"user","start":0,"end":7,"unit":"word","key":"0:word:0","attribution":0.00001765314063662645,"ci_low":-0.00016639469910284744,"ci_high":0.00048356665559974463,"p_value":0.65,"significant":false,"leave_one_out":null,"frozen":false},{"text":"give2","message":0,"role":"user","start":8,"end":13,"unit":"word","key":"0:word:1","attribution":0.00001913752128650471,"ci_low":-0.00041406326453193693,"ci_high":0.0002401278404918687,"p_value":0.747,"significant":false,"leave_one_out":null,"frozen":false},{"text":"me2","message":0,"role":"user","start":14,"end":17,"unit":"word","key":"0:word:2","attribution":4.994482145083225e-6,"ci_low":-0.0004515397176112852,"ci_high":0.00020218362512454207,"p_value":0.73,"significant":false,"leave_one_out":null,"frozen":false},{"text":"my2","message":0,"role":"user","start":18,"end":21,"unit":"word","key":"0:word:3","attribution":-0.00006050040136142179,"ci_low":-0.0006066724347314979,"ci_high":0.0001203995166122957,"p_value":0.195,"significant":false,"leave_one_out":null,"frozen":false},{"text":"refund2","message":0,"role":"user","start":22,"end":29,"unit":"word","key":"0:word:4","attribution":0.999871892428877,"ci_low":0.9997727324981972,"ci_high":1.0,"p_value":0.003,"significant":true,"leave_one_out":null,"frozen":false},{"text":"now2","message":0,"role":"user","start":30,"end":34,"unit":"word","key":"0:word:5","attribution":7.937080344583853e-6,"ci_low":-0.000186039682859385,"ci_high":0.0004637516013557626,"p_value":0.892,"significant":false,"leave_one_out":0.0,"frozen":false},{"text":"or2","message":0,"role":"user","start":35,"end":38,"unit":"word","key":"0:word:6","attribution":-0.00002861211338009176,"ci_low":-0.0002637293010274755,"ci_high":0.00041211717239237494,"p_value":0.868,"significant":false,"leave_one_out":null,"frozen":false},{"text":"else2","message":0,"role":"user","start":39,"end":44,"unit":"word","key":"0:word:7","attribution":1.976406496959674e-6,"ci_low":-0.00020994550833352917,"ci_high":0.0004528460845764147,"p_value":0.563,"significant":false,"leave_one_out":null,"frozen":false}],"fidelity":{"status":"reliable","reason":"the parts of the prompt predict 99% of the change in held-out answers.","r2_heldout":0.9933694856032933,"r2_low":0.9837419096493654,"r2_high":1.0,"noise_floor":0.0,"noise_ceiling":null,"interval_level":0.9},"cost":{"target_calls":12,"proxy_calls":0,"cached_calls":0,"tokens":102,"usd":null},"summary":"The answer hangs on “refund2” (without it, all of the answer is lost); seven other words made no measurable difference.","partitions":[["0:word:0","0:word:1","0:word:2","0:word:3","0:word:4","0:word:5","0:word:6","0:word:7"]],"settings":{"model":"planted","unit":"word","freeze":[],"budget":12,"signal":"auto","proxy":null,"seed":0,"pooled":false},"proxy_scored":false,"explained_at":"2026-11-25T04:06:24+00:00","metadata":{}}');
CREATE TABLE feedback (
	id VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_feedback PRIMARY KEY (id)
);
CREATE TABLE groups (
	name VARCHAR NOT NULL, 
	chosen INTEGER NOT NULL, 
	CONSTRAINT pk_groups PRIMARY KEY (name)
);
INSERT INTO "groups" VALUES('function chat planted',4);
INSERT INTO "groups" VALUES('function chat gone',1);
CREATE TABLE jobs (
	id INTEGER NOT NULL, 
	call_id VARCHAR NOT NULL, 
	settings_hash VARCHAR NOT NULL, 
	settings TEXT NOT NULL, 
	model VARCHAR, 
	state VARCHAR NOT NULL, 
	reason TEXT, 
	attempt INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	crashes INTEGER NOT NULL, 
	inclusion_probability FLOAT, 
	priority INTEGER NOT NULL, 
	not_before FLOAT NOT NULL, 
	created_at FLOAT NOT NULL, 
	changed_at FLOAT NOT NULL, 
	CONSTRAINT pk_jobs PRIMARY KEY (id), 
	CONSTRAINT uq_jobs_call_id_settings_hash UNIQUE (call_id, settings_hash)
);
INSERT INTO "jobs" VALUES(1,'00000000000000000000000000000001:0000000000000001','384504918f6d42f0','{"model":"planted","unit":"word","freeze":[],"budget":12,"signal":"auto","proxy":null,"seed":0,"pooled":false}','planted','explained',NULL,1,1,0,1.0,0,0.0,1.79557957868764853e+09,1.79557958129047799e+09);
INSERT INTO "jobs" VALUES(2,'00000000000000000000000000000002:0000000000000001','384504918f6d42f0','{"model":"planted","unit":"word","freeze":[],"budget":12,"signal":"auto","proxy":null,"seed":0,"pooled":false}','planted','explained',NULL,1,1,0,1.0,0,0.0,1.79557958184290456e+09,1.79557958451592302e+09);
INSERT INTO "jobs" VALUES(3,'00000000000000000000000000000005:0000000000000001','08d201986bc3e3d9','{"model":"gone","unit":"word","freeze":[],"budget":12,"signal":"auto","proxy":null,"seed":0,"pooled":false}','gone','pending','http://127.0.0.1:9/v1 does not answer: start the server, or correct the base_url of the model ''gone''',1,2,0,1.0,0,1.79557958480764865e+09,1.79557958184290456e+09,1.79557958480764865e+09);
INSERT INTO "jobs" VALUES(4,'00000000000000000000000000000006:0000000000000001','384504918f6d42f0','{"model":"planted","unit":"word","freeze":[],"budget":12,"signal":"auto","proxy":null,"seed":0,"pooled":false}','planted','skipped','the call failed: it raised',1,1,0,NULL,0,0.0,1.79557958184290456e+09,1.79557958184290456e+09);
INSERT INTO "jobs" VALUES(5,'00000000000000000000000000000003:0000000000000001','384504918f6d42f0','{"model":"planted","unit":"word","freeze":[],"budget":12,"signal":"auto","proxy":null,"seed":0,"pooled":false}','planted','running',NULL,1,1,0,1.0,0,0.0,1.79557958853575658e+09,1.79557959021193552e+09);
INSERT INTO "jobs" VALUES(6,'00000000000000000000000000000004:0000000000000001','384504918f6d42f0','{"model":"planted","unit":"word","freeze":[],"budget":12,"signal":"auto","proxy":null,"seed":0,"pooled":false}','planted','pending',NULL,1,1,0,1.0,0,0.0,1.79557958853575658e+09,1.79557958853575658e+09);
CREATE TABLE observations (
	explanation_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	mask TEXT NOT NULL, 
	keep_probability FLOAT, 
	locality FLOAT, 
	replicate INTEGER NOT NULL, 
	level INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	fixed TEXT NOT NULL, 
	text_hash VARCHAR NOT NULL, 
	response TEXT, 
	shift FLOAT, 
	failure TEXT, 
	CONSTRAINT pk_observations PRIMARY KEY (explanation_id, number), 
	CONSTRAINT fk_observations_explanation_id FOREIGN KEY(explanation_id) REFERENCES explanations (id) ON DELETE CASCADE
);
INSERT INTO "observations" VALUES(1,0,'baseline','11111111',NULL,NULL,0,0,0,'[]','ce9c73905ad60f43a97b26a5ab11da6be41574240eacfe74419017874fe927f6','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(1,1,'random','01110000',0.5,1.44984024182222059e-01,0,0,0,'[]','c0c9d0948178de6b69ef5b56bb13441d062c8ad0321dd08f88b5f75019e0bfd1','hello there, good morning',1.0,NULL);
INSERT INTO "observations" VALUES(1,2,'random','10010111',0.8,5.09562807986642551e-01,0,0,0,'[]','7a31d02b38f407086f6d8085ed1d7e32954c58dd31ef227a62c61553cdf4b828','hello there, good morning',1.0,NULL);
INSERT INTO "observations" VALUES(1,3,'random','00111100',0.5,3.30230933461761966e-01,0,0,0,'[]','4751214b6a1fb300a1ecebec409a5b0b80d47ffa99356aba4b09417f8ade177f','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(1,4,'random','11001111',0.8,8.57738975712826201e-01,0,0,0,'[]','701a1c20cea5eeef36bbf6d884a68bc54dfa6a260c66183d9aadb4e98d854fe7','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(1,5,'random','10011001',0.5,3.98946680961441424e-01,0,0,0,'[]','fe72f09b034f21d67f3738e779854135f4244eb9ff297ef4887e791dd634bf77','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(1,6,'random','11111011',0.8,9.30661205500486476e-01,0,0,0,'[]','d1d751148d91757c69f60bc091a53f411333fa8904fc115c100d4ff9f8a9e1d0','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(1,7,'random','10010111',0.5,5.09562807986642551e-01,0,0,0,'[]','7a31d02b38f407086f6d8085ed1d7e32954c58dd31ef227a62c61553cdf4b828','hello there, good morning',1.0,NULL);
INSERT INTO "observations" VALUES(1,8,'random','11111111',0.8,1.0,0,0,0,'[]','ce9c73905ad60f43a97b26a5ab11da6be41574240eacfe74419017874fe927f6','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(1,9,'random','10101100',0.5,0.338071033382375,0,0,0,'[]','cf012f197c98ff8ee90acae8252515640fa16d72a6f4de220a9f24d86c0e458f','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(1,10,'random','10111001',0.8,5.90140308127037549e-01,0,0,0,'[]','954a1547503d11dce119134890833fbc09225b7bc04aa746dabdfb2424771e0b','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(1,11,'random','01001000',0.5,4.10718586183369815e-02,0,0,0,'[]','347540050e604bbd122f0b8a2a83a5d4dd95575d0fca13ca11d149a9c676fa5e','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(1,12,'random','11001000',0.8,1.12590151340958025e-01,0,0,0,'[]','2dcdf8a31af3d770c79bcdfb80c14154385a029c01374da315ce528a75e2dcdd','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(1,13,'random','10001100',0.5,1.24507073612139307e-01,0,0,0,'[]','d42fcdebcdbb1e88cc6f4dff6ed4c30414d5806f59d62868e7fd5fc84cd6b27f','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(2,0,'baseline','11111111',NULL,NULL,0,0,0,'[]','4484dee468e99a537adebf75b333edba6aa9c5f1186cf67e942922f071588760','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(2,1,'random','01110000',0.5,1.39906982733158907e-01,0,0,0,'[]','09f1df0d92576161c116161de0378a09c8c864bee7a8792545421587eb54c785','hello there, good morning',1.0,NULL);
INSERT INTO "observations" VALUES(2,2,'random','10010111',0.8,4.77817856990350287e-01,0,0,0,'[]','8f86b577f823b9b41330ce16b4faf683954c37580517bd12be0441d1149a1dea','hello there, good morning',1.0,NULL);
INSERT INTO "observations" VALUES(2,3,'random','00111100',0.5,3.24389729534557913e-01,0,0,0,'[]','ad65192ae2ef75e82d4070c2e0e96addcc2054a25200c836ae92b263a45b62a2','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(2,4,'random','11001111',0.8,8.56473193645599928e-01,0,0,0,'[]','6fe2539f9ce5cefaedb0053c241a1f2057472dde77edb7091de19989ff4d3c03','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(2,5,'random','10011001',0.5,3.86981558588645968e-01,0,0,0,'[]','6e76e1146814c8d5294d750b2c3c817288c4575142bb0774adf5901a7bb3083e','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(2,6,'random','11111011',0.8,9.37381710129785883e-01,0,0,0,'[]','6e3dfe373fa2ebf2f6566a08d8c29ca53448af289c142ded93d80f5cee8a06db','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(2,7,'random','10010111',0.5,4.77817856990350287e-01,0,0,0,'[]','8f86b577f823b9b41330ce16b4faf683954c37580517bd12be0441d1149a1dea','hello there, good morning',1.0,NULL);
INSERT INTO "observations" VALUES(2,8,'random','11111111',0.8,1.0,0,0,0,'[]','4484dee468e99a537adebf75b333edba6aa9c5f1186cf67e942922f071588760','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(2,9,'random','10101100',0.5,3.49260737725522574e-01,0,0,0,'[]','64f55ae3c847a9b6dc3a6b40ecac1eb133fe74e87f458698a62f54ad57949d3d','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(2,10,'random','10111001',0.8,5.74938158267951249e-01,0,0,0,'[]','a7c58176691d2ea1c7ba9176ef926d68187f15d6ae57087b268cd76499942f11','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(2,11,'random','01001000',0.5,2.80427002803722257e-02,0,0,0,'[]','954bf7841b1b196fc31b0f84f817e5ebed63cc33eb974a2ab5892521aa5217ac','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(2,12,'random','11001000',0.8,8.65155825977033388e-02,0,0,0,'[]','3cbb5a8e712e7c6afeda09caa370c1d249764c92a7ac8c7e1bf0d2ba36ec4efe','your money comes back',0.0,NULL);
INSERT INTO "observations" VALUES(2,13,'random','10001100',0.5,1.44640444064998124e-01,0,0,0,'[]','b3e7b96c5a59521a4384eb514a1b5785bfe79ade63d33506b8ca4a23113657b6','your money comes back',0.0,NULL);
CREATE TABLE paused_models (
	name VARCHAR NOT NULL, 
	reason TEXT NOT NULL, 
	failures INTEGER NOT NULL, 
	since FLOAT NOT NULL, 
	not_before FLOAT NOT NULL, 
	CONSTRAINT pk_paused_models PRIMARY KEY (name)
);
INSERT INTO "paused_models" VALUES('gone','http://127.0.0.1:9/v1 does not answer: start the server, or correct the base_url of the model ''gone''',1,1.79557958480643534e+09,1.79557959980643534e+09);
CREATE TABLE reservations (
	id VARCHAR NOT NULL, 
	day VARCHAR NOT NULL, 
	model VARCHAR NOT NULL, 
	explanation VARCHAR NOT NULL, 
	calls INTEGER NOT NULL, 
	tokens BIGINT NOT NULL, 
	usd FLOAT, 
	settled BOOLEAN NOT NULL, 
	CONSTRAINT pk_reservations PRIMARY KEY (id)
);
INSERT INTO "reservations" VALUES('d655deb73ee34e29afe43088bfe9d129','2026-11-25','planted','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('2f46e7cdf6304a91a7b05f3d93008a8d','2026-11-25','planted','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('908982c5e33d423f983d4ead9b416dd1','2026-11-25','planted','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',1,9,NULL,1);
INSERT INTO "reservations" VALUES('4bb0ff5cbffe4530b2a976e560df9044','2026-11-25','planted','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('83661d1a022f43a6bb0fbf7aad9b3eae','2026-11-25','planted','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('04c42cf3acf14ccbb0b82c2108b2c8c8','2026-11-25','planted','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('7bb0fa585098469691dfc10ab3cb814d','2026-11-25','planted','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('68b039794d9d44089d9bc8f865289de8','2026-11-25','planted','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('d2ad9430e3714a90bbf0f7c48efec334','2026-11-25','planted','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',1,9,NULL,1);
INSERT INTO "reservations" VALUES('11db607c428a41eb9f44c42fd273d7f8','2026-11-25','planted','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',1,6,NULL,1);
INSERT INTO "reservations" VALUES('4a8c441651934c329edb059476b2a2c9','2026-11-25','planted','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('bf70c2edf2c148cca305aa884296afd2','2026-11-25','planted','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('638145e9d9f44c108ba6d13999d6d61c','2026-11-25','planted','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('9e5dd17e30034b3481fcbaf0e49d6612','2026-11-25','planted','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('f1ed843b976e4dba961631b30c097e6e','2026-11-25','planted','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',1,9,NULL,1);
INSERT INTO "reservations" VALUES('8404f99fa1884c1a91ef54ad68c3ddcc','2026-11-25','planted','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('225f2d84e7aa42518fb7ca7570fe15db','2026-11-25','planted','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('3ebd4888764149d78b20cea2749fe370','2026-11-25','planted','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('93cb46629d914abbac7a0f11891cdba7','2026-11-25','planted','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('6ae8fe74493e484bb205f9900350dd22','2026-11-25','planted','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('6e8f965b2ecd4d8fa1cc77e0690e8b5b','2026-11-25','planted','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',1,9,NULL,1);
INSERT INTO "reservations" VALUES('579f921f79ee47da97c6b6d4fa0087ad','2026-11-25','planted','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',1,6,NULL,1);
INSERT INTO "reservations" VALUES('8bb44033eaae4cf390a06eb5a316d0eb','2026-11-25','planted','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('08879b8fbb63461f8d4560ba106334f9','2026-11-25','planted','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('62afffc4339141b39dbd4e5b57769287','2026-11-25','gone','00000000000000000000000000000005:0000000000000001/08d201986bc3e3d9/1',1,341,NULL,0);
INSERT INTO "reservations" VALUES('48127dcae2d641ad844ee371abddfd6f','2026-11-25','planted','00000000000000000000000000000003:0000000000000001/384504918f6d42f0/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('23304cd2793241bdb50ee3530402eb57','2026-11-25','planted','00000000000000000000000000000003:0000000000000001/384504918f6d42f0/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('9200db33ee704d33b4920a7bec79df00','2026-11-25','planted','00000000000000000000000000000003:0000000000000001/384504918f6d42f0/1',1,9,NULL,1);
INSERT INTO "reservations" VALUES('46d7fd95e1204708b50d2f300d4cba38','2026-11-25','planted','00000000000000000000000000000003:0000000000000001/384504918f6d42f0/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('9e30bfd4f5ff4c37b09df2c8316cda04','2026-11-25','planted','00000000000000000000000000000003:0000000000000001/384504918f6d42f0/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('1dbf78aaa32647cd97c3e8e16085b1eb','2026-11-25','planted','00000000000000000000000000000003:0000000000000001/384504918f6d42f0/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('c2da46c4bd994341982cdd541862a2d6','2026-11-25','planted','00000000000000000000000000000003:0000000000000001/384504918f6d42f0/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('4715b51bb458403e8052a7443754ec91','2026-11-25','planted','00000000000000000000000000000003:0000000000000001/384504918f6d42f0/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('ac327fc6d44644f39fb0e7953e345746','2026-11-25','planted','00000000000000000000000000000003:0000000000000001/384504918f6d42f0/1',1,326,NULL,0);
INSERT INTO "reservations" VALUES('a00ca4f5b87c44f594816563adec5a0b','2026-11-25','planted','00000000000000000000000000000003:0000000000000001/384504918f6d42f0/1',1,310,NULL,0);
CREATE TABLE responses (
	"key" VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_responses PRIMARY KEY ("key")
);
INSERT INTO "responses" VALUES('5ae375ee5279269ef727db7c48acadacb100c1c273efdf3296746f2bd2ed42b0',1.79557958042970466e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('aed1af90486b2a5af7f8048c22b99f21b36512bd7790728c69124ba9c2eb9e49',1.79557958063346505e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('ec61a0ffe295abeaed9960b6f51222faa6c4e432a61a1ce4a616d4d1b3999266',1.79557958064725375e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('719d9996eb355f170b458d9817fbe03789084c0b483dfac7e199429aa044d836',1.79557958067825317e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":5,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('fc3b73274ad05cb738878031415697b7d8bdfc735df639d1e60249fa2cfab41a',1.79557958071094656e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('0db98f25aa11c558094445c274f082c50c8dd050f5672dd75d14fcf5c65899dd',1.79557958073470807e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('e86395df32f3ade82275922337d83ab77505b87b4d3bd6f489bd599c7849dbd6',1.79557958076629853e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('bde421e4ae592fc045a6c8525be8db4dba9cac358f676abe17596fe664ff4e50',1.79557958078622508e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('ab3b68a0f6e0635acd2634088727b66108ac9154b52367420aa6d8349bc6a58f',1.79557958081418371e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":5,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('64c5f3e8c1613ff3fe315c5a8cc7b7e86f86770161c566d21548e83a2bca8e9f',1.79557958083420729e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":2,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('8daf1824b8aaa9c377234cb74028f4330b737e7d9f5263d8ef21cce0af66bfde',1.79557958086241459e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('ee792a4f9ab4597555c7095119388ad4692f6de13a2e7fa5ae7ab7d95ab9f3ff',1.79557958088632678e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('877a1df079054dbed82b58e5edf1c13d42a1190cae190de5c9e6d171fff7b8b5',1795579583.70565,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('2f60e9a7ebdc6f9a3aff33753171829bb2476360e076008a8add6d527f341dab',1.79557958393161797e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('c323d1ed26c2790b79a40bbb12240121676f3ff1629827adc6be45741dcb769e',1.79557958396087551e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('d2f34bf66ba1c7557822bc3550f83f48a5b3bff4028e8972e945579130990b93',1.79557958398232722e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":5,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('73a87530cf41521896e94953abb19d8964e8a18ba80a8809ec7661c5f0c94df0',1.79557958401647806e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('c48b967955291cdfd06981e1a84c488c733d640a795344d3338850e9782e9a20',1.79557958403812503e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('3599df442659047d8638eacf49833dfd5851679f9598e3ccf1c4aba36e1090e0',1.79557958407022786e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('ede0ebcd31936b7f88cac9b86e8ce5e0b7a413434a2e71c8137e933584c14f72',1.7955795840982511e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('f982f55db2b2250a83efd140b7368dde26c9dee652023a20139185484a9aae25',1.79557958413027381e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":5,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('4a8c2b2c061ec4972e813b6566bc43b1ad804fe062bb43d195468e0744ed52b0',1.79557958415823721e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":2,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('d3df28f8e37c833bc6e76a53d0db1472644902f1d3fa7c4f41fa3c450e141d1f',1.79557958418621969e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('7c8b456d454ea9d14634d885866881b9a38dcbe28c43aa0b3f3e9c2a669db935',1795579584.21031,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('a4edd3ef1763c5a7eb50c31cce12a47b73ceed1abddaf2216b39421eb502b49f',1.79557959019085288e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('54fcdbbc9cb5854d6f489751613ad71a0c6cebbbd7bdae81a823925186d1d175',1.79557959040106606e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('098530d4195ea07bb70fbaa06f4636cb6d99d5866dcc9ae2863af616195e5e05',1.7955795904287362e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('9a500135630fa356bf49837af35645f50f73ed347582560a3f4e6886182b0966',1.79557959044652843e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":5,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('a438e822a48797b85bd6a4bbbb8c88f05db2dd26fb0c2034ea84b161e2e9ba18',1.79557959049043369e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('600c928b771cd9f271afbdd026c342e9752fb37710e13768af04afc4b86c7104',1.79557959050622558e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('91c04fa9cf8e1c05f315045d337904f297cc487ee269fbf7fa8d8147f117b89a',1.79557959054645109e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('567d5947410c7413be889188c9e2ffb330d0b7f48d3fb869a180d51a98bb8a46',1.7955795905623126e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
CREATE TABLE spans (
	trace_id VARCHAR NOT NULL, 
	span_id VARCHAR NOT NULL, 
	start_ns BIGINT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_spans PRIMARY KEY (trace_id, span_id)
);
INSERT INTO "spans" VALUES('00000000000000000000000000000001','0000000000000001',1764000000000001000,'{"trace_id":"00000000000000000000000000000001","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000001000,"end_ns":1764000000000001500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"please1 give1 me1 my1 refund1 now1 or1 else1\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000002','0000000000000001',1764000000000002000,'{"trace_id":"00000000000000000000000000000002","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000002000,"end_ns":1764000000000002500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"please2 give2 me2 my2 refund2 now2 or2 else2\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000005','0000000000000001',1764000000000005000,'{"trace_id":"00000000000000000000000000000005","span_id":"0000000000000001","parent_id":null,"name":"chat gone","start_ns":1764000000000005000,"end_ns":1764000000000005500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"please5 give5 me5 my5 refund5 now5 or5 else5\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"gone","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000006','0000000000000001',1764000000000006000,'{"trace_id":"00000000000000000000000000000006","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000006000,"end_ns":1764000000000006500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"raised","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"please6 give6 me6 my6 refund6 now6 or6 else6\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000003','0000000000000001',1764000000000003000,'{"trace_id":"00000000000000000000000000000003","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000003000,"end_ns":1764000000000003500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"please3 give3 me3 my3 refund3 now3 or3 else3\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000004','0000000000000001',1764000000000004000,'{"trace_id":"00000000000000000000000000000004","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000004000,"end_ns":1764000000000004500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"please4 give4 me4 my4 refund4 now4 or4 else4\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
CREATE TABLE spend (
	scope VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	calls INTEGER NOT NULL, 
	tokens BIGINT NOT NULL, 
	usd FLOAT NOT NULL, 
	unpriced_calls INTEGER NOT NULL, 
	CONSTRAINT pk_spend PRIMARY KEY (scope, "key")
);
INSERT INTO "spend" VALUES('day','2026-11-25',35,1254,0.0,35);
INSERT INTO "spend" VALUES('model','2026-11-25/planted',34,913,0.0,34);
INSERT INTO "spend" VALUES('explanation','00000000000000000000000000000001:0000000000000001/384504918f6d42f0/1',12,102,0.0,12);
INSERT INTO "spend" VALUES('explanation','00000000000000000000000000000002:0000000000000001/384504918f6d42f0/1',12,102,0.0,12);
INSERT INTO "spend" VALUES('model','2026-11-25/gone',1,341,0.0,1);
INSERT INTO "spend" VALUES('explanation','00000000000000000000000000000005:0000000000000001/08d201986bc3e3d9/1',1,341,0.0,1);
INSERT INTO "spend" VALUES('explanation','00000000000000000000000000000003:0000000000000001/384504918f6d42f0/1',10,709,0.0,10);
CREATE TABLE spool_files (
	name VARCHAR NOT NULL, 
	inode BIGINT NOT NULL, 
	"offset" BIGINT NOT NULL, 
	grown_at FLOAT NOT NULL, 
	CONSTRAINT pk_spool_files PRIMARY KEY (name)
);
CREATE TABLE traces (
	trace_id VARCHAR NOT NULL, 
	file VARCHAR NOT NULL, 
	has_root BOOLEAN NOT NULL, 
	stand_in_root BOOLEAN NOT NULL, 
	changed_at FLOAT NOT NULL, 
	error TEXT, 
	position INTEGER, 
	CONSTRAINT pk_traces PRIMARY KEY (trace_id), 
	CONSTRAINT uq_traces_position UNIQUE (position)
);
INSERT INTO "traces" VALUES('00000000000000000000000000000001','1.jsonl',1,0,1.79557957865687203e+09,NULL,1);
INSERT INTO "traces" VALUES('00000000000000000000000000000002','2.jsonl',1,0,1.79557958178824543e+09,NULL,2);
INSERT INTO "traces" VALUES('00000000000000000000000000000005','5.jsonl',1,0,1.79557958180034637e+09,NULL,3);
INSERT INTO "traces" VALUES('00000000000000000000000000000006','6.jsonl',1,0,1.79557958180733561e+09,NULL,4);
INSERT INTO "traces" VALUES('00000000000000000000000000000003','3.jsonl',1,0,1.79557958849688744e+09,NULL,5);
INSERT INTO "traces" VALUES('00000000000000000000000000000004','4.jsonl',1,0,1.7955795885104196e+09,NULL,6);
CREATE TABLE trackers (
	name VARCHAR NOT NULL, 
	trace_position INTEGER NOT NULL, 
	explanation_position INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	reason TEXT, 
	since FLOAT, 
	not_before FLOAT NOT NULL, 
	CONSTRAINT pk_trackers PRIMARY KEY (name)
);
INSERT INTO "trackers" VALUES('folder',6,2,5,'the folder takes nothing: remove its file `down`',1.79557958190541696e+09,1.79557959954585528e+09);
CREATE INDEX ix_calls_decided ON calls (decided);
CREATE INDEX ix_calls_group ON calls ("group");
CREATE INDEX ix_calls_trace_id ON calls (trace_id);
CREATE INDEX ix_deliveries_due ON deliveries (tracker, kind, state, not_before);
CREATE INDEX ix_feedback_trace_id ON feedback (trace_id);
CREATE INDEX ix_jobs_state ON jobs (state, priority, id);
CREATE INDEX ix_reservations_day ON reservations (day);
CREATE INDEX ix_responses_created_at ON responses (created_at);
CREATE INDEX ix_traces_file ON traces (file);
CREATE INDEX ix_traces_open ON traces (position, has_root);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('explanations',2);
COMMIT;
