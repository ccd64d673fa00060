BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0020');
CREATE TABLE calls (
	id VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	start_ns BIGINT NOT NULL, 
	decided BOOLEAN NOT NULL, 
	body TEXT NOT NULL, group_kind VARCHAR DEFAULT '' NOT NULL, group_name VARCHAR DEFAULT '' NOT NULL, group_version VARCHAR DEFAULT '' NOT NULL, 
	CONSTRAINT pk_calls PRIMARY KEY (id)
);
INSERT INTO "calls" VALUES('00000000000000000000000000000001:0000000000000001','00000000000000000000000000000001',1764000000000001000,1,'{"trace_id":"00000000000000000000000000000001","span_id":"0000000000000001","name":"chat planted","dialect":"gen_ai","form":"chat","messages":[{"role":"user","content":"please1 give1 me1 my1 refund1 now1 or1 else1"}],"answer":"your money comes back","tool_calls":[],"status":"returned","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000001000,"end_ns":1764000000000001500,"prompts":[],"documents":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"external_trace":{},"truncated":false,"no_content":null,"not_repeatable":null,"prompt_assumed":false,"inclusion_probability":1.0}','function','chat planted','');
INSERT INTO "calls" VALUES('00000000000000000000000000000002:0000000000000001','00000000000000000000000000000002',1764000000000002000,1,'{"trace_id":"00000000000000000000000000000002","span_id":"0000000000000001","name":"chat planted","dialect":"gen_ai","form":"chat","messages":[{"role":"user","content":"tell me a long story of some ship near the cold coast"}],"answer":"hello there, good morning","tool_calls":[],"status":"returned","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000002000,"end_ns":1764000000000002500,"prompts":[],"documents":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"external_trace":{},"truncated":false,"no_content":null,"not_repeatable":null,"prompt_assumed":false,"inclusion_probability":1.0}','function','chat planted','');
INSERT INTO "calls" VALUES('00000000000000000000000000000003:0000000000000001','00000000000000000000000000000003',1764000000000003000,1,'{"trace_id":"00000000000000000000000000000003","span_id":"0000000000000001","name":"chat planted","dialect":"gen_ai","form":"chat","messages":[{"role":"user","content":"Nothing may be left out of this"}],"answer":"hello there, good morning","tool_calls":[],"status":"returned","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000003000,"end_ns":1764000000000003500,"prompts":[],"documents":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"external_trace":{},"truncated":false,"no_content":null,"not_repeatable":null,"prompt_assumed":false,"inclusion_probability":1.0}','function','chat planted','');
INSERT INTO "calls" VALUES('00000000000000000000000000000005:0000000000000001','00000000000000000000000000000005',1764000000000005000,1,'{"trace_id":"00000000000000000000000000000005","span_id":"0000000000000001","name":"chat planted","dialect":"gen_ai","form":"chat","messages":[{"role":"user","content":"please5 give5 me5 my5 refund5 now5 or5 else5"}],"answer":"your money comes back","tool_calls":[],"status":"raised","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000005000,"end_ns":1764000000000005500,"prompts":[],"documents":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"external_trace":{},"truncated":false,"no_content":null,"not_repeatable":null,"prompt_assumed":false,"inclusion_probability":1.0}','function','chat planted','');
INSERT INTO "calls" VALUES('00000000000000000000000000000006:0000000000000001','00000000000000000000000000000006',1764000000000006000,1,'{"trace_id":"00000000000000000000000000000006","span_id":"0000000000000001","name":"chat planted","dialect":"gen_ai","form":"chat","messages":[{"role":"user","content":"You help customers.\nBe brief.\nQuestion: Where is refund number 6?\nAnswer:"}],"answer":"your money comes back","tool_calls":[],"status":"returned","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000006000,"end_ns":1764000000000006500,"prompts":[{"name":"support","version":"1","template":"You help customers.\nBe brief.\nQuestion: {question}\nAnswer:","variables":{"question":"Where is refund number 6?"},"message":0,"start":0,"end":73,"variable_spans":[{"name":"question","start":40,"end":65}],"ambiguous":false}],"documents":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"external_trace":{},"truncated":false,"no_content":null,"not_repeatable":null,"prompt_assumed":false,"inclusion_probability":1.0}','prompt','support','1');
INSERT INTO "calls" VALUES('00000000000000000000000000000007:0000000000000001','00000000000000000000000000000007',1764000000000007000,1,'{"trace_id":"00000000000000000000000000000007","span_id":"0000000000000001","name":"chat planted","dialect":"gen_ai","form":"chat","messages":[{"role":"user","content":"You help customers.\nBe brief.\nQuestion: Where is refund number 7?\nAnswer:"}],"answer":"your money comes back","tool_calls":[],"status":"returned","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000007000,"end_ns":1764000000000007500,"prompts":[{"name":"support","version":"2","template":"You help customers.\nBe brief.\nQuestion: {question}\nAnswer:","variables":{"question":"Where is refund number 7?"},"message":0,"start":0,"end":73,"variable_spans":[{"name":"question","start":40,"end":65}],"ambiguous":false}],"documents":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"external_trace":{},"truncated":false,"no_content":null,"not_repeatable":null,"prompt_assumed":false,"inclusion_probability":1.0}','prompt','support','2');
INSERT INTO "calls" VALUES('0000000000000000000000000000001f:0000000000000001','0000000000000000000000000000001f',1764000000000031000,1,'{"trace_id":"0000000000000000000000000000001f","span_id":"0000000000000001","name":"chat planted","dialect":"gen_ai","form":"chat","messages":[{"role":"user","content":"please31 give31 me31 my31 refund31 now31 or31 else31"}],"answer":"your money comes back","tool_calls":[],"status":"returned","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000031000,"end_ns":1764000000000031500,"prompts":[],"documents":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"external_trace":{},"truncated":false,"no_content":null,"not_repeatable":null,"prompt_assumed":false,"inclusion_probability":1.0}','function','chat planted','');
INSERT INTO "calls" VALUES('00000000000000000000000000000020:0000000000000001','00000000000000000000000000000020',1764000000000032000,1,'{"trace_id":"00000000000000000000000000000020","span_id":"0000000000000001","name":"chat gone","dialect":"gen_ai","form":"chat","messages":[{"role":"user","content":"please32 give32 me32 my32 refund32 now32 or32 else32"}],"answer":"your money comes back","tool_calls":[],"status":"returned","error":null,"model":"gone","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000032000,"end_ns":1764000000000032500,"prompts":[],"documents":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"external_trace":{},"truncated":false,"no_content":null,"not_repeatable":null,"prompt_assumed":false,"inclusion_probability":1.0}','function','chat gone','');
INSERT INTO "calls" VALUES('00000000000000000000000000000021:0000000000000001','00000000000000000000000000000021',1764000000000033000,1,'{"trace_id":"00000000000000000000000000000021","span_id":"0000000000000001","name":"chat planted","dialect":"gen_ai","form":"chat","messages":[{"role":"user","content":"please33 give33 me33 my33 refund33 now33 or33 else33"}],"answer":"your money comes back","tool_calls":[],"status":"returned","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000033000,"end_ns":1764000000000033500,"prompts":[],"documents":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"external_trace":{},"truncated":false,"no_content":null,"not_repeatable":null,"prompt_assumed":false,"inclusion_probability":1.0}','function','chat planted','');
INSERT INTO "calls" VALUES('00000000000000000000000000000022:0000000000000001','00000000000000000000000000000022',1764000000000034000,1,'{"trace_id":"00000000000000000000000000000022","span_id":"0000000000000001","name":"chat planted","dialect":"gen_ai","form":"chat","messages":[{"role":"user","content":"please34 give34 me34 my34 refund34 now34 or34 else34"}],"answer":"your money comes back","tool_calls":[],"status":"returned","error":null,"model":"planted","provider":null,"parameters":{"temperature":0.0},"usage":null,"finish_reason":null,"response_id":null,"start_ns":1764000000000034000,"end_ns":1764000000000034500,"prompts":[],"documents":[],"rerun":null,"rerun_arguments":null,"session":null,"user":null,"tags":{},"metadata":{},"external_trace":{},"truncated":false,"no_content":null,"not_repeatable":null,"prompt_assumed":false,"inclusion_probability":1.0}','function','chat planted','');
CREATE TABLE corrupt_lines (
	file VARCHAR NOT NULL, 
	"offset" BIGINT NOT NULL, 
	error TEXT NOT NULL, 
	line BLOB NOT NULL, 
	kept_at FLOAT NOT NULL, 
	CONSTRAINT pk_corrupt_lines PRIMARY KEY (file, "offset")
);
INSERT INTO "corrupt_lines" VALUES('31.jsonl',1117,'the line is no JSON: Expecting value: line 1 column 1 (char 0)',X'6E6F206C696E65206F66206F757273',1.7959730423110876e+09);
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
	created_at FLOAT NOT NULL, reason_code VARCHAR, 
	CONSTRAINT pk_deliveries PRIMARY KEY (tracker, kind, item)
);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000001','00000000000000000000000000000001','delivered',1,0.0,NULL,'00000000000000000000000000000001',NULL,1795973032.57298,NULL);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000002','00000000000000000000000000000002','delivered',1,0.0,NULL,'00000000000000000000000000000002',NULL,1795973032.57298,NULL);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000003','00000000000000000000000000000003','delivered',1,0.0,NULL,'00000000000000000000000000000003',NULL,1795973032.57298,NULL);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000005','00000000000000000000000000000005','delivered',1,0.0,NULL,'00000000000000000000000000000005',NULL,1795973032.57298,NULL);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000006','00000000000000000000000000000006','delivered',1,0.0,NULL,'00000000000000000000000000000006',NULL,1795973032.57298,NULL);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000007','00000000000000000000000000000007','delivered',1,0.0,NULL,'00000000000000000000000000000007',NULL,1795973032.57298,NULL);
INSERT INTO "deliveries" VALUES('folder','explanation','00000000000000000000000000000001:0000000000000001','00000000000000000000000000000001','delivered',1,0.0,NULL,'00000000000000000000000000000001:0000000000000001',NULL,1.79597303598679947e+09,NULL);
INSERT INTO "deliveries" VALUES('folder','explanation','00000000000000000000000000000002:0000000000000001','00000000000000000000000000000002','delivered',1,0.0,NULL,'00000000000000000000000000000002:0000000000000001',NULL,1.79597303671963381e+09,NULL);
INSERT INTO "deliveries" VALUES('folder','explanation','00000000000000000000000000000006:0000000000000001','00000000000000000000000000000006','delivered',1,0.0,NULL,'00000000000000000000000000000006:0000000000000001',NULL,1.79597303874771714e+09,NULL);
INSERT INTO "deliveries" VALUES('folder','explanation','00000000000000000000000000000007:0000000000000001','00000000000000000000000000000007','delivered',1,0.0,NULL,'00000000000000000000000000000007:0000000000000001',NULL,1.79597304091272926e+09,NULL);
INSERT INTO "deliveries" VALUES('folder','trace','0000000000000000000000000000001f','0000000000000000000000000000001f','waiting',0,0.0,NULL,NULL,NULL,1.79597304248291826e+09,NULL);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000020','00000000000000000000000000000020','waiting',0,0.0,NULL,NULL,NULL,1.79597304248291826e+09,NULL);
INSERT INTO "deliveries" VALUES('folder','explanation','0000000000000000000000000000001f:0000000000000001','0000000000000000000000000000001f','waiting',0,0.0,NULL,NULL,NULL,1.79597304620940399e+09,NULL);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000021','00000000000000000000000000000021','waiting',0,0.0,NULL,NULL,NULL,1.79597304861834263e+09,NULL);
INSERT INTO "deliveries" VALUES('folder','trace','00000000000000000000000000000022','00000000000000000000000000000022','waiting',0,0.0,NULL,NULL,NULL,1.79597304861834263e+09,NULL);
CREATE TABLE drift_alarms (
	group_name VARCHAR NOT NULL, 
	probe VARCHAR NOT NULL, 
	period VARCHAR NOT NULL, 
	told BOOLEAN NOT NULL, 
	CONSTRAINT pk_drift_alarms PRIMARY KEY (group_name)
);
CREATE TABLE drift_answers (
	case_id INTEGER NOT NULL, 
	probe VARCHAR NOT NULL, 
	period VARCHAR NOT NULL, 
	draw INTEGER NOT NULL, 
	group_name VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	seed INTEGER NOT NULL, 
	changed BOOLEAN NOT NULL, 
	CONSTRAINT pk_drift_answers PRIMARY KEY (case_id, probe, period, draw)
);
CREATE TABLE drift_cases (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	group_name VARCHAR NOT NULL, 
	call_id VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	confirmed BOOLEAN NOT NULL, 
	created_at FLOAT NOT NULL, 
	body TEXT NOT NULL
);
CREATE TABLE explanations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	call_id VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	settings_hash VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	body TEXT NOT NULL, sanity_check VARCHAR, 
	CONSTRAINT uq_explanations_call_id_settings_hash_attempt UNIQUE (call_id, settings_hash, attempt)
);
INSERT INTO "explanations" VALUES(1,'00000000000000000000000000000001:0000000000000001','00000000000000000000000000000001','4c88dc5373c631f3',1,'reliable',1.79597303588971781e+09,'{"schema_version":2,"messages":[{"role":"user","content":"please1 give1 me1 my1 refund1 now1 or1 else1"}],"form":"chat","answer":"your money comes back","part":null,"signal":"text","segments":[{"text":"please1","message":0,"role":"user","start":0,"end":7,"unit":"word","key":"0:word:0","attribution":0.001387843790489958,"ci_low":-0.05402469678647088,"ci_high":0.07787308620520692,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":0.0,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"give1","message":0,"role":"user","start":8,"end":13,"unit":"word","key":"0:word:1","attribution":0.0018320140520866203,"ci_low":-0.04106301725703357,"ci_high":0.10136870311640589,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"me1","message":0,"role":"user","start":14,"end":17,"unit":"word","key":"0:word:2","attribution":-0.0010596260979923134,"ci_low":-0.08021379550525258,"ci_high":0.0717564031318579,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"my1","message":0,"role":"user","start":18,"end":21,"unit":"word","key":"0:word:3","attribution":-0.014909887547656524,"ci_low":-0.14487904120360184,"ci_high":0.01865338214475755,"p_value":0.065,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"refund1","message":0,"role":"user","start":22,"end":29,"unit":"word","key":"0:word:4","attribution":0.9552186690863449,"ci_low":0.9356043445307329,"ci_high":1.0,"p_value":0.001,"significant":true,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"now1","message":0,"role":"user","start":30,"end":34,"unit":"word","key":"0:word:5","attribution":-0.0022631461065082126,"ci_low":-0.1122315850774784,"ci_high":0.046808128724872736,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":0.0,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"or1","message":0,"role":"user","start":35,"end":38,"unit":"word","key":"0:word:6","attribution":0.00026161703131010323,"ci_low":-0.08432333348823318,"ci_high":0.09489479258344907,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"else1","message":0,"role":"user","start":39,"end":44,"unit":"word","key":"0:word:7","attribution":-0.015835050678247593,"ci_low":-0.14622496223093762,"ci_high":0.015185257408811575,"p_value":0.117,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null}],"coarser":[],"interactions":[],"fields":[],"documents":[],"fidelity":{"status":"reliable","reason":"the parts of the prompt predict 99 % of how the answer changes in new combinations.","r2_heldout":0.9858936023305704,"r2_low":0.975222720812259,"r2_high":0.9965644838488819,"noise_floor":0.0,"noise_ceiling":null,"interval_level":0.9,"reproduced":true},"cost":{"target_calls":16,"proxy_calls":0,"cached_calls":0,"tokens":146,"usd":null},"summary":"The answer depends on “refund1” (without it, 96 % [94 to 100 %] of the answer is lost); seven other words made no measurable difference.","partitions":[["0:word:0","0:word:1","0:word:2","0:word:3","0:word:4","0:word:5","0:word:6","0:word:7"]],"settings":{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null},"notes":[],"proxy":null,"proxy_scored":false,"explained_at":"2026-11-29T17:23:55+00:00","package":"0.2.0","method":2,"parameters":{"temperature":0.0},"prompts":[],"metadata":{}}',NULL);
INSERT INTO "explanations" VALUES(2,'00000000000000000000000000000002:0000000000000001','00000000000000000000000000000002','4c88dc5373c631f3',1,'no_effect',1.79597303667178916e+09,'{"schema_version":2,"messages":[{"role":"user","content":"tell me a long story of some ship near the cold coast"}],"form":"chat","answer":"hello there, good morning","part":null,"signal":"text","segments":[{"text":"tell","message":0,"role":"user","start":0,"end":4,"unit":"word","key":"0:word:0","attribution":0.0,"ci_low":0.0,"ci_high":0.0,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"me","message":0,"role":"user","start":5,"end":7,"unit":"word","key":"0:word:1","attribution":0.0,"ci_low":0.0,"ci_high":0.0,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"a","message":0,"role":"user","start":8,"end":9,"unit":"word","key":"0:word:2","attribution":0.0,"ci_low":0.0,"ci_high":0.0,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"long","message":0,"role":"user","start":10,"end":14,"unit":"word","key":"0:word:3","attribution":0.0,"ci_low":0.0,"ci_high":0.0,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"story","message":0,"role":"user","start":15,"end":20,"unit":"word","key":"0:word:4","attribution":0.0,"ci_low":0.0,"ci_high":0.0,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"of","message":0,"role":"user","start":21,"end":23,"unit":"word","key":"0:word:5","attribution":0.0,"ci_low":0.0,"ci_high":0.0,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"some","message":0,"role":"user","start":24,"end":28,"unit":"word","key":"0:word:6","attribution":0.0,"ci_low":0.0,"ci_high":0.0,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"ship","message":0,"role":"user","start":29,"end":33,"unit":"word","key":"0:word:7","attribution":0.0,"ci_low":0.0,"ci_high":0.0,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"near","message":0,"role":"user","start":34,"end":38,"unit":"word","key":"0:word:8","attribution":0.0,"ci_low":0.0,"ci_high":0.0,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"the","message":0,"role":"user","start":39,"end":42,"unit":"word","key":"0:word:9","attribution":0.0,"ci_low":0.0,"ci_high":0.0,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"cold","message":0,"role":"user","start":43,"end":47,"unit":"word","key":"0:word:10","attribution":0.0,"ci_low":0.0,"ci_high":0.0,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"coast","message":0,"role":"user","start":48,"end":53,"unit":"word","key":"0:word:11","attribution":0.0,"ci_low":0.0,"ci_high":0.0,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null}],"coarser":[],"interactions":[],"fields":[],"documents":[],"fidelity":{"status":"no_effect","reason":"no answer moved further than noise moves it.","r2_heldout":null,"r2_low":null,"r2_high":null,"noise_floor":0.0,"noise_ceiling":null,"interval_level":0.9,"reproduced":true},"cost":{"target_calls":16,"proxy_calls":0,"cached_calls":0,"tokens":178,"usd":null},"summary":"Whatever was removed from the prompt, the answer stayed the same.","partitions":[["0:word:0","0:word:1","0:word:2","0:word:3","0:word:4","0:word:5","0:word:6","0:word:7","0:word:8","0:word:9","0:word:10","0:word:11"]],"settings":{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null},"notes":[],"proxy":null,"proxy_scored":false,"explained_at":"2026-11-29T17:23:56+00:00","package":"0.2.0","method":2,"parameters":{"temperature":0.0},"prompts":[],"metadata":{}}',NULL);
INSERT INTO "explanations" VALUES(3,'00000000000000000000000000000006:0000000000000001','00000000000000000000000000000006','4c88dc5373c631f3',1,'reliable',1.79597303874305438e+09,'{"schema_version":2,"messages":[{"role":"user","content":"You help customers.\nBe brief.\nQuestion: Where is refund number 6?\nAnswer:"}],"form":"chat","answer":"your money comes back","part":null,"signal":"text","segments":[{"text":"You","message":0,"role":"user","start":0,"end":3,"unit":"word","key":"support:1:word:0","attribution":0.005417829606875028,"ci_low":-0.14409819183105935,"ci_high":0.19992221497728344,"p_value":0.723,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"help","message":0,"role":"user","start":4,"end":8,"unit":"word","key":"support:1:word:4","attribution":-0.012016657237688598,"ci_low":-0.29778505813882084,"ci_high":0.123240454177698,"p_value":0.204,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"customers.","message":0,"role":"user","start":9,"end":19,"unit":"word","key":"support:1:word:9","attribution":0.00006840496465299247,"ci_low":-0.17867237960222118,"ci_high":0.23024014193581613,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"Be","message":0,"role":"user","start":20,"end":22,"unit":"word","key":"support:1:word:20","attribution":-0.01231687096145599,"ci_low":-0.3098813579694815,"ci_high":0.10924119086088507,"p_value":0.101,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"brief.","message":0,"role":"user","start":23,"end":29,"unit":"word","key":"support:1:word:23","attribution":-0.01202876552501105,"ci_low":-0.30054054344205927,"ci_high":0.08548604087242305,"p_value":0.167,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"Question:","message":0,"role":"user","start":30,"end":39,"unit":"word","key":"support:1:word:30","attribution":-0.011875562575949378,"ci_low":-0.3005819163053721,"ci_high":0.0896416748234931,"p_value":0.175,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"Where","message":0,"role":"user","start":40,"end":45,"unit":"word","key":"support:1:var:question:word:0","attribution":-0.01376048756606503,"ci_low":-0.324420714656772,"ci_high":0.08992154274572231,"p_value":0.097,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"is","message":0,"role":"user","start":46,"end":48,"unit":"word","key":"support:1:var:question:word:1","attribution":0.0023301364083213928,"ci_low":-0.12693840608531506,"ci_high":0.1983716176032416,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"refund","message":0,"role":"user","start":49,"end":55,"unit":"word","key":"support:1:var:question:word:2","attribution":0.8860331796857592,"ci_low":0.6574260908286794,"ci_high":1.0,"p_value":0.002,"significant":true,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"number","message":0,"role":"user","start":56,"end":62,"unit":"word","key":"support:1:var:question:word:3","attribution":-0.012319017836896288,"ci_low":-0.30697077106619314,"ci_high":0.10208196901866744,"p_value":0.196,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"6?","message":0,"role":"user","start":63,"end":65,"unit":"word","key":"support:1:var:question:word:4","attribution":-0.0005888635547264205,"ci_low":-0.3028129116068661,"ci_high":0.25227279087280485,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"Answer:","message":0,"role":"user","start":66,"end":73,"unit":"word","key":"support:1:word:51","attribution":0.0010592246307997274,"ci_low":-0.16559693190961342,"ci_high":0.22263145831130085,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null}],"coarser":[],"interactions":[],"fields":[],"documents":[],"fidelity":{"status":"reliable","reason":"the parts of the prompt predict 89 % of how the answer changes in new combinations.","r2_heldout":0.8869677883867709,"r2_low":0.8634675392896134,"r2_high":0.9104680374839285,"noise_floor":0.0,"noise_ceiling":null,"interval_level":0.9,"reproduced":true},"cost":{"target_calls":16,"proxy_calls":0,"cached_calls":0,"tokens":192,"usd":null},"summary":"The answer depends on “refund” (without it, 89 % [66 to 100 %] of the answer is lost); 11 other words made no measurable difference.","partitions":[["support:1:word:0","support:1:word:4","support:1:word:9","support:1:word:20","support:1:word:23","support:1:word:30","support:1:var:question:word:0","support:1:var:question:word:1","support:1:var:question:word:2","support:1:var:question:word:3","support:1:var:question:word:4","support:1:word:51"]],"settings":{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null},"notes":[],"proxy":null,"proxy_scored":false,"explained_at":"2026-11-29T17:23:57+00:00","package":"0.2.0","method":2,"parameters":{"temperature":0.0},"prompts":[{"name":"support","version":"1","template":"You help customers.\nBe brief.\nQuestion: {question}\nAnswer:","variables":{"question":"Where is refund number 6?"},"message":0,"start":0,"end":73,"variable_spans":[{"name":"question","start":40,"end":65}],"ambiguous":false}],"metadata":{}}',NULL);
INSERT INTO "explanations" VALUES(4,'00000000000000000000000000000007:0000000000000001','00000000000000000000000000000007','4c88dc5373c631f3',1,'reliable',1.79597304083461904e+09,'{"schema_version":2,"messages":[{"role":"user","content":"You help customers.\nBe brief.\nQuestion: Where is refund number 7?\nAnswer:"}],"form":"chat","answer":"your money comes back","part":null,"signal":"text","segments":[{"text":"You","message":0,"role":"user","start":0,"end":3,"unit":"word","key":"support:2:word:0","attribution":0.005417829606875028,"ci_low":-0.14409819183105935,"ci_high":0.19992221497728344,"p_value":0.723,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"help","message":0,"role":"user","start":4,"end":8,"unit":"word","key":"support:2:word:4","attribution":-0.012016657237688598,"ci_low":-0.29778505813882084,"ci_high":0.123240454177698,"p_value":0.204,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"customers.","message":0,"role":"user","start":9,"end":19,"unit":"word","key":"support:2:word:9","attribution":0.00006840496465299247,"ci_low":-0.17867237960222118,"ci_high":0.23024014193581613,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"Be","message":0,"role":"user","start":20,"end":22,"unit":"word","key":"support:2:word:20","attribution":-0.01231687096145599,"ci_low":-0.3098813579694815,"ci_high":0.10924119086088507,"p_value":0.101,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"brief.","message":0,"role":"user","start":23,"end":29,"unit":"word","key":"support:2:word:23","attribution":-0.01202876552501105,"ci_low":-0.30054054344205927,"ci_high":0.08548604087242305,"p_value":0.167,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"Question:","message":0,"role":"user","start":30,"end":39,"unit":"word","key":"support:2:word:30","attribution":-0.011875562575949378,"ci_low":-0.3005819163053721,"ci_high":0.0896416748234931,"p_value":0.175,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"Where","message":0,"role":"user","start":40,"end":45,"unit":"word","key":"support:2:var:question:word:0","attribution":-0.01376048756606503,"ci_low":-0.324420714656772,"ci_high":0.08992154274572231,"p_value":0.097,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"is","message":0,"role":"user","start":46,"end":48,"unit":"word","key":"support:2:var:question:word:1","attribution":0.0023301364083213928,"ci_low":-0.12693840608531506,"ci_high":0.1983716176032416,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"refund","message":0,"role":"user","start":49,"end":55,"unit":"word","key":"support:2:var:question:word:2","attribution":0.8860331796857592,"ci_low":0.6574260908286794,"ci_high":1.0,"p_value":0.002,"significant":true,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"number","message":0,"role":"user","start":56,"end":62,"unit":"word","key":"support:2:var:question:word:3","attribution":-0.012319017836896288,"ci_low":-0.30697077106619314,"ci_high":0.10208196901866744,"p_value":0.196,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"7?","message":0,"role":"user","start":63,"end":65,"unit":"word","key":"support:2:var:question:word:4","attribution":-0.0005888635547264205,"ci_low":-0.3028129116068661,"ci_high":0.25227279087280485,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"Answer:","message":0,"role":"user","start":66,"end":73,"unit":"word","key":"support:2:word:51","attribution":0.0010592246307997274,"ci_low":-0.16559693190961342,"ci_high":0.22263145831130085,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null}],"coarser":[],"interactions":[],"fields":[],"documents":[],"fidelity":{"status":"reliable","reason":"the parts of the prompt predict 89 % of how the answer changes in new combinations.","r2_heldout":0.8869677883867709,"r2_low":0.8634675392896134,"r2_high":0.9104680374839285,"noise_floor":0.0,"noise_ceiling":null,"interval_level":0.9,"reproduced":true},"cost":{"target_calls":9,"proxy_calls":0,"cached_calls":7,"tokens":116,"usd":null},"summary":"The answer depends on “refund” (without it, 89 % [66 to 100 %] of the answer is lost); 11 other words made no measurable difference.","partitions":[["support:2:word:0","support:2:word:4","support:2:word:9","support:2:word:20","support:2:word:23","support:2:word:30","support:2:var:question:word:0","support:2:var:question:word:1","support:2:var:question:word:2","support:2:var:question:word:3","support:2:var:question:word:4","support:2:word:51"]],"settings":{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null},"notes":[],"proxy":null,"proxy_scored":false,"explained_at":"2026-11-29T17:24:00+00:00","package":"0.2.0","method":2,"parameters":{"temperature":0.0},"prompts":[{"name":"support","version":"2","template":"You help customers.\nBe brief.\nQuestion: {question}\nAnswer:","variables":{"question":"Where is refund number 7?"},"message":0,"start":0,"end":73,"variable_spans":[{"name":"question","start":40,"end":65}],"ambiguous":false}],"metadata":{}}',NULL);
INSERT INTO "explanations" VALUES(5,'0000000000000000000000000000001f:0000000000000001','0000000000000000000000000000001f','4c88dc5373c631f3',1,'reliable',1.79597304612522339e+09,'{"schema_version":2,"messages":[{"role":"user","content":"please31 give31 me31 my31 refund31 now31 or31 else31"}],"form":"chat","answer":"your money comes back","part":null,"signal":"text","segments":[{"text":"please31","message":0,"role":"user","start":0,"end":8,"unit":"word","key":"0:word:0","attribution":0.001387843790489958,"ci_low":-0.05402469678647088,"ci_high":0.07787308620520692,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":0.0,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"give31","message":0,"role":"user","start":9,"end":15,"unit":"word","key":"0:word:1","attribution":0.0018320140520866203,"ci_low":-0.04106301725703357,"ci_high":0.10136870311640589,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"me31","message":0,"role":"user","start":16,"end":20,"unit":"word","key":"0:word:2","attribution":-0.0010596260979923134,"ci_low":-0.08021379550525258,"ci_high":0.0717564031318579,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"my31","message":0,"role":"user","start":21,"end":25,"unit":"word","key":"0:word:3","attribution":-0.014909887547656524,"ci_low":-0.14487904120360184,"ci_high":0.01865338214475755,"p_value":0.065,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"refund31","message":0,"role":"user","start":26,"end":34,"unit":"word","key":"0:word:4","attribution":0.9552186690863449,"ci_low":0.9356043445307329,"ci_high":1.0,"p_value":0.001,"significant":true,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"now31","message":0,"role":"user","start":35,"end":40,"unit":"word","key":"0:word:5","attribution":-0.0022631461065082126,"ci_low":-0.1122315850774784,"ci_high":0.046808128724872736,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":0.0,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"or31","message":0,"role":"user","start":41,"end":45,"unit":"word","key":"0:word:6","attribution":0.00026161703131010323,"ci_low":-0.08432333348823318,"ci_high":0.09489479258344907,"p_value":1.0,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null},{"text":"else31","message":0,"role":"user","start":46,"end":52,"unit":"word","key":"0:word:7","attribution":-0.015835050678247593,"ci_low":-0.14622496223093762,"ci_high":0.015185257408811575,"p_value":0.117,"significant":false,"fails_without":false,"leave_one_out":null,"protected":false,"also":[],"title":null,"parent":null,"portion":null}],"coarser":[],"interactions":[],"fields":[],"documents":[],"fidelity":{"status":"reliable","reason":"the parts of the prompt predict 99 % of how the answer changes in new combinations.","r2_heldout":0.9858936023305704,"r2_low":0.975222720812259,"r2_high":0.9965644838488819,"noise_floor":0.0,"noise_ceiling":null,"interval_level":0.9,"reproduced":true},"cost":{"target_calls":16,"proxy_calls":0,"cached_calls":0,"tokens":146,"usd":null},"summary":"The answer depends on “refund31” (without it, 96 % [94 to 100 %] of the answer is lost); seven other words made no measurable difference.","partitions":[["0:word:0","0:word:1","0:word:2","0:word:3","0:word:4","0:word:5","0:word:6","0:word:7"]],"settings":{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null},"notes":[],"proxy":null,"proxy_scored":false,"explained_at":"2026-11-29T17:24:05+00:00","package":"0.2.0","method":2,"parameters":{"temperature":0.0},"prompts":[],"metadata":{}}',NULL);
CREATE TABLE feedback (
	id VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_feedback PRIMARY KEY (id)
);
INSERT INTO "feedback" VALUES('0000000000000000000000000000005a:0000000000000002','00000000000000000000000000000001','{"id":"0000000000000000000000000000005a:0000000000000002","trace_id":"00000000000000000000000000000001","name":"user_feedback","score":1.0,"comment":"that helped","at_ns":1764000000000001000}');
CREATE TABLE forgotten (
	trace_hash VARCHAR NOT NULL, 
	forgotten_at FLOAT NOT NULL, 
	CONSTRAINT pk_forgotten PRIMARY KEY (trace_hash)
);
CREATE TABLE groups (
	group_kind VARCHAR NOT NULL, 
	group_name VARCHAR NOT NULL, 
	group_version VARCHAR NOT NULL, 
	chosen INTEGER NOT NULL, argument_differs BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_groups PRIMARY KEY (group_kind, group_name, group_version)
);
INSERT INTO "groups" VALUES('function','chat planted','',6,0);
INSERT INTO "groups" VALUES('prompt','support','1',1,0);
INSERT INTO "groups" VALUES('prompt','support','2',1,0);
INSERT INTO "groups" VALUES('function','chat gone','',1,0);
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
	changed_at FLOAT NOT NULL, reason_code VARCHAR, worker_id INTEGER, 
	CONSTRAINT pk_jobs PRIMARY KEY (id), 
	CONSTRAINT uq_jobs_call_id_settings_hash UNIQUE (call_id, settings_hash)
);
INSERT INTO "jobs" VALUES(1,'00000000000000000000000000000001:0000000000000001','4c88dc5373c631f3','{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null}','planted','explained',NULL,1,1,0,1.0,0,0.0,1.79597303257226848e+09,1.79597303588971781e+09,NULL,NULL);
INSERT INTO "jobs" VALUES(2,'00000000000000000000000000000002:0000000000000001','4c88dc5373c631f3','{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null}','planted','explained',NULL,1,1,0,1.0,0,0.0,1.79597303257226848e+09,1.79597303667178916e+09,NULL,NULL);
INSERT INTO "jobs" VALUES(3,'00000000000000000000000000000003:0000000000000001','4c88dc5373c631f3','{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null}','planted','failed','Everything in the prompt is protected: protect less of it.',1,1,0,1.0,0,0.0,1.79597303257226848e+09,1.7959730368024528e+09,'cannot_explain',NULL);
INSERT INTO "jobs" VALUES(4,'00000000000000000000000000000005:0000000000000001','4c88dc5373c631f3','{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null}','planted','skipped','the call failed: it raised',1,1,0,NULL,0,0.0,1.79597303257226848e+09,1.79597303257226848e+09,'call_failed',NULL);
INSERT INTO "jobs" VALUES(5,'00000000000000000000000000000006:0000000000000001','4c88dc5373c631f3','{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null}','planted','explained',NULL,1,1,0,1.0,0,0.0,1.79597303257226848e+09,1.79597303874305438e+09,NULL,NULL);
INSERT INTO "jobs" VALUES(6,'00000000000000000000000000000007:0000000000000001','4c88dc5373c631f3','{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null}','planted','explained',NULL,1,1,0,1.0,0,0.0,1.79597303257226848e+09,1.79597304083461904e+09,NULL,NULL);
INSERT INTO "jobs" VALUES(7,'0000000000000000000000000000001f:0000000000000001','4c88dc5373c631f3','{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null}','planted','explained',NULL,1,1,0,1.0,0,0.0,1.79597304250998759e+09,1.79597304612522339e+09,NULL,NULL);
INSERT INTO "jobs" VALUES(8,'00000000000000000000000000000020:0000000000000001','48b5e812d9c8a442','{"model":"gone","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null}','gone','pending','http://127.0.0.1:9/v1 does not answer: start the server, or correct the base_url of the model ''gone''',1,3,0,1.0,0,1.79597304876080584e+09,1.79597304250998759e+09,1.79597304876080584e+09,'model_unavailable',NULL);
INSERT INTO "jobs" VALUES(9,'00000000000000000000000000000021:0000000000000001','4c88dc5373c631f3','{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null}','planted','running',NULL,1,1,0,1.0,0,0.0,1.79597304862922501e+09,1.79597304898914051e+09,NULL,NULL);
INSERT INTO "jobs" VALUES(10,'00000000000000000000000000000022:0000000000000001','4c88dc5373c631f3','{"model":"planted","unit":"auto","protect":["Nothing may be left out of this"],"budget":16,"signal":"auto","proxy":null,"seed":0,"pooled":false,"distance":"layers","part":null,"pattern":null}','planted','pending',NULL,1,1,0,1.0,0,0.0,1.79597304862922501e+09,1.79597304862922501e+09,NULL,NULL);
CREATE TABLE judge_judgements (
	variant_id VARCHAR NOT NULL, 
	reviewer VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	probe VARCHAR NOT NULL, 
	prompt VARCHAR NOT NULL, 
	change FLOAT NOT NULL, 
	counts BOOLEAN NOT NULL, 
	same_meaning VARCHAR NOT NULL, 
	worse VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	judged_at VARCHAR NOT NULL, 
	CONSTRAINT pk_judge_judgements PRIMARY KEY (variant_id, reviewer)
);
CREATE TABLE judgements (
	variant_id VARCHAR NOT NULL, 
	reviewer VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	probe VARCHAR NOT NULL, 
	prompt VARCHAR NOT NULL, 
	change FLOAT NOT NULL, 
	counts BOOLEAN NOT NULL, 
	same_meaning VARCHAR NOT NULL, 
	worse VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	judged_at VARCHAR NOT NULL, 
	CONSTRAINT pk_judgements PRIMARY KEY (variant_id, reviewer)
);
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
	failure TEXT, asked VARCHAR DEFAULT 'target' NOT NULL, scores TEXT, 
	CONSTRAINT pk_observations PRIMARY KEY (explanation_id, number), 
	CONSTRAINT fk_observations_explanation_id FOREIGN KEY(explanation_id) REFERENCES explanations (id) ON DELETE CASCADE
);
INSERT INTO "observations" VALUES(1,0,'baseline','11111111',NULL,NULL,0,0,0,'[]','ce9c73905ad60f43a97b26a5ab11da6be41574240eacfe74419017874fe927f6','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,1,'random','11110011',0.8,3.67879441171442334e-01,0,0,0,'[]','04ec9c83f7c3ed6054de6ef9fbb150c5574c1591b5a9c33cfa3545f9bfdb5b06','hello there, good morning',1.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,2,'random','00010101',0.5,0.0090625290557186,0,0,0,'[]','8ee7dbea83a1cd99b12ae6ca939742dff79f27bc7614ff32d005950ae2ddc4be','hello there, good morning',1.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,3,'random','01111111',0.8,7.90861913937993765e-01,0,0,0,'[]','3fedf2ef6daaf426489f684bf2d1ad46603835336fc636fe5870393b4b6856ce','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,4,'random','11001111',0.8,6.85684542115691519e-01,0,0,0,'[]','701a1c20cea5eeef36bbf6d884a68bc54dfa6a260c66183d9aadb4e98d854fe7','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,5,'random','10011001',0.5,1.04393613337126295e-01,0,0,0,'[]','fe72f09b034f21d67f3738e779854135f4244eb9ff297ef4887e791dd634bf77','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,6,'random','11111011',0.8,8.38031746579600223e-01,0,0,0,'[]','d1d751148d91757c69f60bc091a53f411333fa8904fc115c100d4ff9f8a9e1d0','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,7,'random','10110111',0.8,4.11614699434884656e-01,0,0,0,'[]','c9c90636464487bebcb13c56d2ae5e35e3ed13c98d76e1b5c2ba7ab9b748648c','hello there, good morning',1.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,8,'random','10111110',0.5,5.3712544762446035e-01,0,0,0,'[]','1805ebcbc2ae69cb105d7a265cfe246d8f2efb19506bb471920ea4ac047c4db5','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,9,'random','11101110',0.8,6.01091273087307587e-01,0,0,0,'[]','f6d27f05783a3c4e4d3d42de7897d113f2f99951934c360d9f193a59d15520a7','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,10,'random','10111001',0.8,2.73396516498316533e-01,0,0,0,'[]','954a1547503d11dce119134890833fbc09225b7bc04aa746dabdfb2424771e0b','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,11,'random','01001000',0.5,3.89753466453802619e-04,0,0,0,'[]','347540050e604bbd122f0b8a2a83a5d4dd95575d0fca13ca11d149a9c676fa5e','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,12,'random','11001000',0.8,4.652616323158585e-03,0,0,0,'[]','2dcdf8a31af3d770c79bcdfb80c14154385a029c01374da315ce528a75e2dcdd','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,13,'random','10001100',0.8,5.95850349125950397e-03,0,0,0,'[]','d42fcdebcdbb1e88cc6f4dff6ed4c30414d5806f59d62868e7fd5fc84cd6b27f','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,14,'random','10101001',0.5,6.49160764617039282e-02,0,0,0,'[]','8244e96a1bcee150af63ff67c780c5e1d2a3687a3b8a446b64a16daf846812d6','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(1,15,'random','11110101',0.8,4.8676006200363725e-01,0,0,0,'[]','0ae9809d9edece70f0ff56850d93e0aad72a9982438b8c4e818fc650785c434b','hello there, good morning',1.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,0,'baseline','111111111111',NULL,NULL,0,0,0,'[]','882a495e8c07d0e5dad4764b3fbcdb3adfbac96461393fb71d57a4ba6fa3b0fb','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,1,'random','111100111001',0.8,3.50227007527034561e-01,0,0,0,'[]','b042eeed2b5f7f87c4bb7fd095bebc123f4eaebaa00c09662a64f0355a2fe626','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,2,'random','010100111100',0.5,1.15207194054575287e-01,0,0,0,'[]','35035c5e65bc76cfe1566dfa9cca87949747c2d0d7156fb275987adff1cf8400','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,3,'random','110011111111',0.8,7.72326547456906875e-01,0,0,0,'[]','1ec342482b9f9712e72fc9c3d2f826080f8ba36f139ba74a265d482a3a39fc20','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,4,'random','100111111011',0.8,5.67552172857888725e-01,0,0,0,'[]','b2b0bf14b7a3123eb7247fb46accbd0161ec87389702c3fd456347f8e33a6021','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,5,'random','100101111011',0.5,3.58833076063142686e-01,0,0,0,'[]','0ccae059ae704b1204905671b4f4bcef11222b2f8db66c5572e138b8e1e3aa4f','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,6,'random','111111101110',0.8,7.85387134767693062e-01,0,0,0,'[]','0a1dac8987216888c0efcebc8c7d80a92a97fefa59d67b7243ff552f3149ea75','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,7,'random','101110011111',0.8,5.44372510649520635e-01,0,0,0,'[]','679fa7876843103b8ddbba74a52e4c384a8c17e59fb30381160462f2a1e30b35','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,8,'random','100010001000',0.5,4.72572642293691419e-03,0,0,0,'[]','923e6e5917f7287f46bacea6e2915d3a0b584312796ef4092e5cc91369a517c7','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,9,'random','100011001110',0.8,8.84625460526981821e-02,0,0,0,'[]','873f37dd2cbc57c8548afb3222cf320dc78367199a51c4948bd9ec09741282c4','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,10,'random','111111110101',0.8,7.74526422412141091e-01,0,0,0,'[]','dcab82e90fb1c906fdfcbc6505926a12ca7b4023fcdbe780092dbc51ed06dd84','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,11,'random','110011011100',0.5,2.20210535480279939e-01,0,0,0,'[]','8439a22a487f8f7dd0f801e3ad672c9c59b233458c6fda3f398a16cc4db0fe70','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,12,'random','011101011101',0.8,3.77038419970056493e-01,0,0,0,'[]','5f8c6db2711917b015557c77a9cea020234fe1eff4f377d71a363db06568bfdb','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,13,'sparse','000110001000',NULL,NULL,0,0,0,'[]','3515ed71c868ed9d61b4197d83db00d940de752271e52f6d2a6cc87eba345731','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,14,'sparse','011000010010',NULL,NULL,0,0,0,'[]','02b3a34d0c11804ff2117b966943d01a17c0d86d0bf05a0064c9bc4e9d6a3bab','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(2,15,'sparse','000000000100',NULL,NULL,0,0,0,'[9]','b3b7c0f2d0c8c5a321eb8043294c97acf982ebc1341007add20d9d46aa387f55','hello there, good morning',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,0,'baseline','111111111111',NULL,NULL,0,0,0,'[]','3a549549a5c259f8b42d91a83dc65a3038e58c1f4557f3e13407f9e09047c930','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,1,'random','111100111001',0.8,3.76646214285476121e-01,0,0,0,'[]','19627efee8d3331a6ba5521bf86d254b7a4342c3df045a6bdda0894608f46848','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,2,'random','010100111100',0.5,1.02080183219787401e-01,0,0,0,'[]','47bef81a777ab8e6c6f2c59b7c59a44bb85d055db1cb5afec0ec07c03415538b','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,3,'random','110011111111',0.8,7.84188549132459278e-01,0,0,0,'[]','86cab882857a5df20340a04270d491651a133373099b15098ec2995f699b4637','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,4,'random','100111111011',0.8,5.55922459723689366e-01,0,0,0,'[]','f72d338a3665c061e24989e760a2271d87403c479b35f20a89aec432dd672116','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,5,'random','100101111011',0.5,3.42463765279015786e-01,0,0,0,'[]','0a639018197258b03baf42498e850384f968fb3acafe04b7848cdb8e90bf49ff','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,6,'random','111111101110',0.8,8.13241198306448587e-01,0,0,0,'[]','0578963b316816272151276ece2c6c911944190e6f00903833d13782742a73ff','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,7,'random','101110011111',0.8,5.82816510248106101e-01,0,0,0,'[]','6c7cbbcaa298154b1705098a3f26a69bafc6923df1b92eb382dbc202dda1647e','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,8,'random','100010001000',0.5,3.8354623545341286e-03,0,0,0,'[]','03093b50a0db13130cb18ce06d55bed28470935584e17bdd9747678c752a2b95','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,9,'random','100011001110',0.8,1.1104503424581627e-01,0,0,0,'[]','df81a311d770989ee063468202d5f21aca25be2dad585c1763a97fe429eb010c','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,10,'random','111111110101',0.8,7.79964016953811678e-01,0,0,0,'[]','6189cdfd42ee1db976c81b3cdee1c71b1de6165edfbac9583f9d59d428f6a378','hello there, good morning',1.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,11,'random','110011011100',0.5,2.49988652040481679e-01,0,0,0,'[]','bd51fd38234153d5dd0a1ef005dae7836ccf70167f079d5a0a72001203b19f19','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,12,'random','011101011101',0.8,3.67879441171442334e-01,0,0,0,'[]','8f944d47faa893ae9740c6f894147f566094fa89c80ff621248c485b5fbaf885','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,13,'random','101010111111',0.8,6.01861494520535389e-01,0,0,0,'[]','06175fc180691d9c6e6a2183c3a82eeb417091e2c70e0b780bc56d6fb1b81f12','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,14,'random','010111100110',0.5,2.22093068424653122e-01,0,0,0,'[]','914e5dfcfc8d9dd21c314b265c624d720df5a7e19cbfec2cc0c4aba9aee99ff9','hello there, good morning',1.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(3,15,'random','011011001001',0.8,9.62585620009728665e-02,0,0,0,'[]','399211f7ccd74f18497716b2b0afb563e6aefc2ab845274457aaba2c6a3bd0c8','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,0,'baseline','111111111111',NULL,NULL,0,0,0,'[]','6b365d476b768249864bc8446e174580166b6a78677c650b9deff4f5dc6d57c5','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,1,'random','111100111001',0.8,3.85648141732204741e-01,0,0,0,'[]','19627efee8d3331a6ba5521bf86d254b7a4342c3df045a6bdda0894608f46848','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,2,'random','010100111100',0.5,1.03294440621938793e-01,0,0,0,'[]','47bef81a777ab8e6c6f2c59b7c59a44bb85d055db1cb5afec0ec07c03415538b','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,3,'random','110011111111',0.8,7.87109028647647646e-01,0,0,0,'[]','eabab3c480b23a77ff29fc85311bca191fb41db2ca1ddca80e9a7199682f66c8','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,4,'random','100111111011',0.8,5.60935806134228665e-01,0,0,0,'[]','4b3deee86bd8a4634bc4293e1b04dcbe05ba7640ad5556d2af6eb6c561693296','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,5,'random','100101111011',0.5,3.53924346882425355e-01,0,0,0,'[]','cfb17ccdbf1635b20a956a36601cc9a0e3204b8fada88255ed3e8de4bd758023','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,6,'random','111111101110',0.8,8.15815949133273377e-01,0,0,0,'[]','2f31234550ebfefe8053754fc95a5681d4a96b5789d4d5711b5464363e800baa','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,7,'random','101110011111',0.8,0.587647722880788,0,0,0,'[]','ae173ba115fd6016167ca030a98292f6f8f4b31cd779d3ecf879eb46cf583bc0','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,8,'random','100010001000',0.5,4.39693657138185214e-03,0,0,0,'[]','03093b50a0db13130cb18ce06d55bed28470935584e17bdd9747678c752a2b95','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,9,'random','100011001110',0.8,1.14840281354841894e-01,0,0,0,'[]','800c7440fda9b66ce7b39e18473d573bf3f78493b752e8269bd9c186cb018ca3','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,10,'random','111111110101',0.8,7.76965210036244635e-01,0,0,0,'[]','6189cdfd42ee1db976c81b3cdee1c71b1de6165edfbac9583f9d59d428f6a378','hello there, good morning',1.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,11,'random','110011011100',0.5,2.50791116979967088e-01,0,0,0,'[]','bd51fd38234153d5dd0a1ef005dae7836ccf70167f079d5a0a72001203b19f19','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,12,'random','011101011101',0.8,3.67879441171442334e-01,0,0,0,'[]','8f944d47faa893ae9740c6f894147f566094fa89c80ff621248c485b5fbaf885','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,13,'random','101010111111',0.8,6.06552278826999136e-01,0,0,0,'[]','15eecb4b27436284f84a3baab380e6dcbf17c2aa5fdb4dd2356bb5da60a918d8','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,14,'random','010111100110',0.5,2.2726210403666025e-01,0,0,0,'[]','e9de541cdb9aedb2ee93bd1d67dd1c8039de02a685f3f9a860ed93f95981d72a','hello there, good morning',1.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(4,15,'random','011011001001',0.8,9.9941158266116839e-02,0,0,0,'[]','399211f7ccd74f18497716b2b0afb563e6aefc2ab845274457aaba2c6a3bd0c8','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,0,'baseline','11111111',NULL,NULL,0,0,0,'[]','57079122c3ef14a3d786b5841be2c957211de7f6033173226c7918219ee2daf2','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,1,'random','11110011',0.8,3.55857115438743099e-01,0,0,0,'[]','33801070dd7ae7c68e5168ad50351fa58b1d3dd6ffea26bdef52ff469ef8ed80','hello there, good morning',1.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,2,'random','00010101',0.5,1.53656908593641262e-02,0,0,0,'[]','d3bbe0bee6d10fb69166dd4314f86dde9a75251bcff9fb2b458608d757fd8802','hello there, good morning',1.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,3,'random','01111111',0.8,8.18641320537876304e-01,0,0,0,'[]','5b2501c6f7d8af010de154391883ef990249aee63d02979da773be8c1b7e518c','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,4,'random','11001111',0.8,7.89043955202616387e-01,0,0,0,'[]','961a88a2034523e9d00ec852d494e16f0a827950f472c886b6f3b5bb9fcc2f94','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,5,'random','10011001',0.5,2.39300037101374846e-01,0,0,0,'[]','fc49ccd158295cb2c6825d329a37165fb296ea149dd3a77162af51cd4ed7f5a4','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,6,'random','11111011',0.8,9.04749786806205658e-01,0,0,0,'[]','ce8c596be5f25dc789cd2fe05403125c8e4ac38649ed02677eedc2081febbb2f','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,7,'random','10110111',0.8,3.67879441171442334e-01,0,0,0,'[]','7ba50887fc286e5841299e76fb1b9c2f8fcdb3bf9147cb26d9a1b2470b2d4c63','hello there, good morning',1.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,8,'random','10111110',0.5,6.31277303533551825e-01,0,0,0,'[]','0300ec00c6c6fe0bb0371fd4d257855e846fcac268fd18acecb52984ec9d7869','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,9,'random','11101110',0.8,7.01662278078578838e-01,0,0,0,'[]','f5851d12838c85c4125b93983c5422936611d41b9ca266e4357e61d0521cae32','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,10,'random','10111001',0.8,4.52557331887613212e-01,0,0,0,'[]','9059508a78337ca321410ef08b7814879196c5f07c00025fc681f9782354d53e','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,11,'random','01001000',0.5,2.17865327112819759e-03,0,0,0,'[]','0a45b649499773e4ac9d1db4c644320221aa9a52c9db76da51da5f53f19666c9','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,12,'random','11001000',0.8,1.747845013066587e-02,0,0,0,'[]','3cb132d061fa6c7f7b2ea269db8c73eaaa01d931ff1b88dac4c412e9b9fb0a1a','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,13,'random','10001100',0.8,0.0338880683974569,0,0,0,'[]','cd9c4328955d068858f5a45a892b6b0de95fd4ba8e688c29f57dfce5c10319c2','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,14,'random','10101001',0.5,1.21745771110197964e-01,0,0,0,'[]','81d3d90243c331c6e1ba3f1f2ab7cc76d4c0ab4f390a4c0f19458678b76d89e3','your money comes back',0.0,NULL,'target',NULL);
INSERT INTO "observations" VALUES(5,15,'random','11110101',0.8,4.45687133542734925e-01,0,0,0,'[]','5a13c1866031d418223e9883741c3814ffb26a38cefd21a0074a306eaec240bb','hello there, good morning',1.0,NULL,'target',NULL);
CREATE TABLE paths (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	call_id VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	settings_hash VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	created_at FLOAT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT uq_paths_call_id_settings_hash_attempt UNIQUE (call_id, settings_hash, attempt)
);
CREATE TABLE paused_models (
	name VARCHAR NOT NULL, 
	reason TEXT NOT NULL, 
	failures INTEGER NOT NULL, 
	since FLOAT NOT NULL, 
	not_before FLOAT NOT NULL, reason_code VARCHAR, 
	CONSTRAINT pk_paused_models PRIMARY KEY (name)
);
INSERT INTO "paused_models" VALUES('gone','http://127.0.0.1:9/v1 does not answer: start the server, or correct the base_url of the model ''gone''',2,1.79597304633634114e+09,1.79597307875917458e+09,'model_unavailable');
CREATE TABLE profiles (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	call_id VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	settings_hash VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	group_kind VARCHAR NOT NULL, 
	group_name VARCHAR NOT NULL, 
	group_version VARCHAR NOT NULL, 
	period VARCHAR NOT NULL, 
	seed INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT uq_profiles_call_id_settings_hash_attempt_period UNIQUE (call_id, settings_hash, attempt, period)
);
CREATE TABLE proxy_trusts (
	id INTEGER NOT NULL, 
	target VARCHAR NOT NULL, 
	proxy VARCHAR NOT NULL, 
	group_kind VARCHAR NOT NULL, 
	group_name VARCHAR NOT NULL, 
	group_version VARCHAR NOT NULL, 
	item VARCHAR NOT NULL, 
	value FLOAT NOT NULL, 
	created_at FLOAT NOT NULL, 
	CONSTRAINT pk_proxy_trusts PRIMARY KEY (id), 
	CONSTRAINT uq_proxy_trusts_item UNIQUE (item)
);
CREATE TABLE pulled (
	source VARCHAR NOT NULL, 
	place VARCHAR NOT NULL, 
	until_ms BIGINT NOT NULL, 
	traces INTEGER NOT NULL, 
	calls INTEGER NOT NULL, 
	kept INTEGER NOT NULL, 
	reason_code VARCHAR, 
	reason TEXT, 
	CONSTRAINT pk_pulled PRIMARY KEY (source, place)
);
CREATE TABLE rate_limits (
	model VARCHAR NOT NULL, 
	unit VARCHAR NOT NULL, 
	next_at FLOAT NOT NULL, 
	CONSTRAINT pk_rate_limits PRIMARY KEY (model, unit)
);
CREATE TABLE removals (
	tracker VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	reason TEXT, 
	by_hand BOOLEAN NOT NULL, 
	CONSTRAINT pk_removals PRIMARY KEY (tracker, trace_id)
);
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
INSERT INTO "reservations" VALUES('9cda074b3f574bcea51aedb738a2634c','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('906ae29e94504a398cbc53f233745bd3','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('aa82f76cb89545a3b8b1b4b4a15c4868','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,6,NULL,1);
INSERT INTO "reservations" VALUES('74b3efccec4d41bebf1bb2da7f68f632','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('b1e6a838857f4e0c83d83caf379731ae','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('24229c72bd6245c2ad7b7f03ecc28cba','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('3b486b2cf59f44f2ac85429f5ba98d54','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('71ce235c3bab426e855d36e77037ba3f','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('8280abc6bcf24ca7a186a2ac0ae1616d','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('b2daa75af5e84a1da4156d4790901757','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('bad8d91d90f74eb7a49d2ebd6a849647','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,9,NULL,1);
INSERT INTO "reservations" VALUES('8e2cddc5b01e4060978047d3ae3f3b86','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('329b40e4fcd24ce1ab3da97d7f533da5','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('fd798184135346f9a75b5b0dcea94075','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('3bdbcf832c4646aca2f0610ff14fe893','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('2ac3ffaefb74458e85a22a2798142a3d','2026-11-29','planted','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('c96d31adcc5648e4b51e55e8bf0bd50d','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,16,NULL,1);
INSERT INTO "reservations" VALUES('f48ccd50de0c4578a09c2880d484b61d','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('d4af4ffcd4d94c599cb09937e9f4a7f3','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('90a9ff212b944c27acac1aadf173650e','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,13,NULL,1);
INSERT INTO "reservations" VALUES('e9a675e08794448b80b22a2e87d80c0e','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('d85d2adcd72d426db6f6112b2d13f17d','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,13,NULL,1);
INSERT INTO "reservations" VALUES('b42e1e7535ea4b829dbbbd1e72713da3','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('85b8a145d77945258803c77b1aeeca1b','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,14,NULL,1);
INSERT INTO "reservations" VALUES('dfcc6033d0ae4994bf4a2d9b86912601','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,14,NULL,1);
INSERT INTO "reservations" VALUES('47ed51c4995d4b9db32699bc604d6d40','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('84b560007501420cbefb2680cc58a6aa','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,14,NULL,1);
INSERT INTO "reservations" VALUES('8ea3ad2858e14568b790e0c1c043b252','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('5ee25541a879447480917b443137fb41','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('8d3994d5e8174fbdbf5da026366c3993','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('c96422b3ca844e3899c0ebec2a3a9cde','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('5858515d5e684968abfd769b3260ac52','2026-11-29','planted','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',1,5,NULL,1);
INSERT INTO "reservations" VALUES('a8deec880ef640ba8904ba3330a1bf7a','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,16,NULL,1);
INSERT INTO "reservations" VALUES('a7a26cf7e0b94094a10579623a9c2ece','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,13,NULL,1);
INSERT INTO "reservations" VALUES('3ab67cbb47ab4bbb85798a3fe4b32b9d','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,14,NULL,1);
INSERT INTO "reservations" VALUES('725c1f30846d444ebd1abd2da978a0b9','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,14,NULL,1);
INSERT INTO "reservations" VALUES('f2407935313f415b953f8b6b16def56e','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('2edf2e5eee7e42f29a16f376ad60aba6','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,14,NULL,1);
INSERT INTO "reservations" VALUES('62bbef3ea28e415ab7a444de68921b79','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('b8c5b9a2058041fb9e2eafc961efc240','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,13,NULL,1);
INSERT INTO "reservations" VALUES('05923b07f74e45b2a637ac4b3148fdfc','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('572c5a621b534d95ae16a1e5a94d448b','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('9a5a3ee60719496ab413114e4105e064','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('91b18e0993574b799ac1a2736e471243','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('d30a379f20694e8a8ebfa015b5d4030e','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('df386839828346faa90ea3ff53f4b0ec','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,13,NULL,1);
INSERT INTO "reservations" VALUES('62fb6eac8487456da4e5d023b605c1b0','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('81e1ba2ca344497581f68baf00f8313a','2026-11-29','planted','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('13fd5b632b7d41a2ae5efbd69c5abcc4','2026-11-29','planted','00000000000000000000000000000007:0000000000000001/4c88dc5373c631f3/1',1,16,NULL,1);
INSERT INTO "reservations" VALUES('8491d86b6cff4ded89af52e2cd9a645f','2026-11-29','planted','00000000000000000000000000000007:0000000000000001/4c88dc5373c631f3/1',1,13,NULL,1);
INSERT INTO "reservations" VALUES('2a244ec805154b9493ad9b2a784cc827','2026-11-29','planted','00000000000000000000000000000007:0000000000000001/4c88dc5373c631f3/1',1,14,NULL,1);
INSERT INTO "reservations" VALUES('be9e230ff5504380bee075ca85c64b87','2026-11-29','planted','00000000000000000000000000000007:0000000000000001/4c88dc5373c631f3/1',1,14,NULL,1);
INSERT INTO "reservations" VALUES('2e4d4806415040c08fd40099f5dd9693','2026-11-29','planted','00000000000000000000000000000007:0000000000000001/4c88dc5373c631f3/1',1,13,NULL,1);
INSERT INTO "reservations" VALUES('3ca24399e1e6487d8cd6ddf10dfb2e4d','2026-11-29','planted','00000000000000000000000000000007:0000000000000001/4c88dc5373c631f3/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('3a8a6271d756449ea6bba6b8cc2db6fd','2026-11-29','planted','00000000000000000000000000000007:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('852281713dd04ee69d93449a038cc1fd','2026-11-29','planted','00000000000000000000000000000007:0000000000000001/4c88dc5373c631f3/1',1,13,NULL,1);
INSERT INTO "reservations" VALUES('a6d047223ac1420a8194d0d2a4ee0d1d','2026-11-29','planted','00000000000000000000000000000007:0000000000000001/4c88dc5373c631f3/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('65981795470b45ab9f2c6cc5521be795','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('c441834e3ad946cf9f525b2587c3e557','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('18d6524b23a840c0bfde847d3ffa1767','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,6,NULL,1);
INSERT INTO "reservations" VALUES('08545b41897c40d6ac308f1707f9ce10','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('405bd17200b94f11b791d337102278a5','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('67e5840d650545bb8c32cd4ef198652a','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('359ec602771b49f1ad7bf3daa97f4cfd','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('729bf1b7707a46768ba5310f77b34117','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('919f7ed7ee5d45bea7b608d272809ec6','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('d6e201b86a5d46cbaf3476d5fb5376fc','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('e7fa3ca5918247b398dfb3287efb6a74','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,9,NULL,1);
INSERT INTO "reservations" VALUES('7b7e729057d44f299ef59d2607de41e7','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('affd4041407b4d8f83b32b86d214eff2','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('bb7747d733984bfc9b9296cddd5f01c8','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('6ff7324fd82149c49db5f4bcf6d1d33a','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,8,NULL,1);
INSERT INTO "reservations" VALUES('ea90c1a504964af99c90762cb34d0eb8','2026-11-29','planted','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('d7170e9c078b47c29442f30bbdc27955','2026-11-29','planted','00000000000000000000000000000021:0000000000000001/4c88dc5373c631f3/1',1,12,NULL,1);
INSERT INTO "reservations" VALUES('fb43b1e1dfeb4fe29a3f577dd68893f0','2026-11-29','planted','00000000000000000000000000000021:0000000000000001/4c88dc5373c631f3/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('0073803495c744e886fc90a2342a02e8','2026-11-29','planted','00000000000000000000000000000021:0000000000000001/4c88dc5373c631f3/1',1,6,NULL,1);
INSERT INTO "reservations" VALUES('1c7c088ab77841a6ba97b5e8304c35f3','2026-11-29','planted','00000000000000000000000000000021:0000000000000001/4c88dc5373c631f3/1',1,7,NULL,1);
INSERT INTO "reservations" VALUES('bd157da014154680bf3cfd87944f3c83','2026-11-29','planted','00000000000000000000000000000021:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('6f769ca9512248dcbf0cb009f83f1642','2026-11-29','planted','00000000000000000000000000000021:0000000000000001/4c88dc5373c631f3/1',1,11,NULL,1);
INSERT INTO "reservations" VALUES('45870493650a4c6fa95ea81ea604efc0','2026-11-29','planted','00000000000000000000000000000021:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('c5a8a308187c40f09ee09047c112465b','2026-11-29','planted','00000000000000000000000000000021:0000000000000001/4c88dc5373c631f3/1',1,10,NULL,1);
INSERT INTO "reservations" VALUES('9ffaf78642644fdabce7b17f6fe32fca','2026-11-29','planted','00000000000000000000000000000021:0000000000000001/4c88dc5373c631f3/1',1,79,NULL,0);
INSERT INTO "reservations" VALUES('4c46240a869441348a102b01cfeb6c31','2026-11-29','planted','00000000000000000000000000000021:0000000000000001/4c88dc5373c631f3/1',1,91,NULL,0);
CREATE TABLE response_uses (
	"key" VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	CONSTRAINT pk_response_uses PRIMARY KEY ("key", trace_id), 
	CONSTRAINT fk_response_uses_key_responses FOREIGN KEY("key") REFERENCES responses ("key") ON DELETE CASCADE
);
INSERT INTO "response_uses" VALUES('36a005bfb3dcac67074a5f164f5adba4b8bf97feb000f8feb9e800a8133fb20a','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('1f8eb0e028000bf943bcfee470d468c4379b518d5dc7184ba4e2ba27099a6325','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('9ae3ff2a8f737a626cd0a80c21f796ea48264336c134dafafd10fad13d1ba7a5','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('c3e342bdb25f17cb4d8fc5237e98ba16450e46b1adf15b0199e4a858d0fcc062','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('e0a4388bc1d9784da2a4132f12be68572d8330bf818a851a3ce1b9db9231b7fa','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('d0f135e38bf55ca9b4e6caf24d2f6534ef12bb252dc6be7a263eb27ba3d150fb','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('280d72e765dbb2075977bc212068255445f0fd797904a464dd5335cdbe849159','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('313e89b4e8ee0a2b88645237f882dfaac13f8665b03fd131357dbd6cb2bb65f4','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('c59e756cd56966dc1fad6663b7a8840fe64db668a7f4a6caef69ed6ca17735d3','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('5d0a2398eeb74281f40f868293c095e083098f5396fb9025b2999db1760013c4','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('bba1ee35d588df9a1bde1425ac301daccce53808013a77e1404542e52f57496b','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('4d097867aad7bbcb2701ffab9dc119d3c627bf319a6de03ab5eb31449cd39952','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('a789aa419c93e19bb5ce08101230c5242f8086eb3c670afd4ac0b203197487f0','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('186a564961b7d911aea00615afe2d21d18d60c2e059709b873bf0d5eae682955','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('428653b11ea3ee2c3419680660e254b070c43773ef77bf4910bdc89ec3e97118','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('909cdd1777cd3167dbe992795c131c908f2e54931b9454e7c03d00a7bc3869a5','00000000000000000000000000000001');
INSERT INTO "response_uses" VALUES('453b4706bb311ac3de19caf051ac514345801307869d0c747e1b6e1288dbea2e','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('afc4fd62c2754508b4cb811ab4768d0a880589a9e1a980019aa808648eb8a1ca','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('bb5ffab10cf75108b7ceffdbb55b5b06f2309d8bdd856571637adda50b920dc6','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('bf27eb4c1bfc67c8e66fe057fd4a0db45c486d8c17dcd41600741e38ffbe50ad','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('15ef192e12bd2e3e42914150919b0d2378601ef1f5f7df8eb5672e77c199d9da','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('8d2b9251685753bf333e1c88262f1a5933a9ea05b0d53994494531415b80b203','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('867ef5f87e92a07355bc37fc390624fbc17e6b2a7a1a54ae8a07c504b7494406','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('06d1ed4e7db4d395a03ae96b7803266d118e9d59f9b0b382e37b21d47605a904','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('3e8d14577610dbbf8e7e9a77550ac31347f9b8cd855fc29a978c11160f6d259b','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('77f3e48b0baa195f14776f98d2dabcecd324bc552bd6c53b2f430050b3e8b0bc','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('3f7964ee817478cc0a61fb85d1196c7e5d970c3e76043d733601d58d1f1543db','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('d1ab03e4a03e23ca265d1d3760befebe2a63a9569c8f7129454527ac697dd60b','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('2d3ad0840a006a8adc677563423cdf00eaae441c20d1c04c91590603127805d1','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('0ee62dd06495e8a9b5613ee30ff0a370d6fa8d091a8e16af9384582c86833737','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('2d36f47de5fdecd1bf0ba5912741e88054fa13d44be6c8264b6fba91f0abfa7a','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('1e76570a3a4b4cea1c4606522d0594c73c405bfe5184d05e19029f1ba87ab78e','00000000000000000000000000000002');
INSERT INTO "response_uses" VALUES('8d2ad0aa609c5e430848a8e008aeb1a0d3471c05f4f1f390b146068cf1d85b9d','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('44ab21efc5700b44e6268815bcdba0e49ab7ae12c49b67cb42c2779c271abb88','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('d11c3da7c8e9d1e3b9ce960dd81d2792257f0440b15ee8174dcdb10a0cb3fca6','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('d66135eadafd66bca563e257a8f61b1d384654cb722fc77be7b7e7c28c9b5768','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('da5fd93833596a86484a814c28f4f6e5f0c3a3f60e7c0674b80fe83712a4ddab','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('7ddc6ec3c23552c8d54abfc1f366b60c3ee4d908e1c9712947252f393a36ef14','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('8f66da92ba8b78b3f9bd377537024328daeb5e421131f0f9ea1ee73d5ebda34e','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('372e91fe9f1997d8fa12dcd79f068fcfe721c3aa97442cf4f0a74ceabfb2fc17','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('83bb56617829bd237ca67b216fd02c0a19fccb8739e8b31156525bc00a895142','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('0b74fea2f7fc00b4c5f3d60e0708b529d67778b7aef07f52c321201e642bf5a3','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('91cf0d33da9d73a7cc30c138e55daa0d5f4851b6ca761e067c0684368054aa8f','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('651b2c5d63c07e7d2b467ede50853d94cc615d9a26a219c63d35a793b16f845f','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('9315513ff3c4627ed6f350149f18d336bb2b3415643b4a5e9b83c9e949c3d267','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('923b1a2d971a7b59906216a63f28ea75d7ca28b2c7fe15c345ff1d3c810038d5','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('c3b55367ab6ad842511c5d454d537f6f6baad7b75fcdd5e9931a93d2c245c560','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('cffa0039f2eb653f8bc0d4b596271dd8765e8010163c109b7ca95de649f9e8ca','00000000000000000000000000000006');
INSERT INTO "response_uses" VALUES('99dfd4162c81ce4707bee43a9685b8ebde8d7c863e7bcb0b0aeecb0116af0ffe','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('44ab21efc5700b44e6268815bcdba0e49ab7ae12c49b67cb42c2779c271abb88','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('651b2c5d63c07e7d2b467ede50853d94cc615d9a26a219c63d35a793b16f845f','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('8f66da92ba8b78b3f9bd377537024328daeb5e421131f0f9ea1ee73d5ebda34e','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('91cf0d33da9d73a7cc30c138e55daa0d5f4851b6ca761e067c0684368054aa8f','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('9315513ff3c4627ed6f350149f18d336bb2b3415643b4a5e9b83c9e949c3d267','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('da5fd93833596a86484a814c28f4f6e5f0c3a3f60e7c0674b80fe83712a4ddab','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('b640cd9db1c1ec1bc35fe5344e254804e8ba8d6f40328915ac17989f3ea4a879','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('1d49a0c9576d5483bc83c99db24ae6343bf6f714a5d1473841a60cb520252e6f','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('c4491f5f26ff6d574b824775c1bfba83488eeb2c4f434d7e4a8d621aef84c906','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('b79e2f2703dd862f00e4163f9ea57ac0478bc12c5927e4f59cffe8fef5181b31','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('6855cc1b7c4ea05bc3ec205dedd97f45161b90eb226ed194ce4b9db24af3e2fc','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('60899717e720ec3ebbd8f02df2bc29826540c2f7e517cb155709e20de6db04e0','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('c3b55367ab6ad842511c5d454d537f6f6baad7b75fcdd5e9931a93d2c245c560','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('09ab2b934f927113c86a50f5d41e32abccb01440d6be6564e2c8bf81f1ebaf24','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('ee959ee236ba4eb2739f8347b033f97b628e25b6bef73454f1ff4778fa6d1468','00000000000000000000000000000007');
INSERT INTO "response_uses" VALUES('9017d1efbf7c359da580dedb44319fe0c6b76cbc3f477d93645d1da24ba6c38f','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('15b00acb15953aa8149be5e45d9e31734b5b1b428df0744f7c8a46312cb8a151','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('0f64f94bd8bd8e6424c6f9446487dd6849d6902397c4c84b54df2f1f869cec2e','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('6e94840250a78cd300c65546ff35fdcefb6a0af1a898e83f7bb9f4c930f49154','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('867385ddcd40e9ed2783f777bd3aa7bba3e0cbfee5b2e75d414ed96811f7e431','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('14e7030b13d35cdcb911cd0358ae12699cb8ef1ec0f4ee82fc318686530a47a5','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('3ee95051aa821a3e6b562353f09864da8f636a20220d9a5f00fcf4424562ea7c','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('7c1605e4318a0339b859e0ff8fd47e8312966610022cc29e4bb7c4ecda296f49','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('472458af661ba1945eae3f7c0e78495594f024ea8225d0da3eb642696d745b43','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('2038b39d7028a7e0bdc39260e70b63024d4303d3d7cd6d639c027c18a1f84ec3','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('0fd704cb8245bd28127c29f7b9098562fdc367aac5885ec07cb92af4ca83ef24','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('e974df008543965a8be60316fce13ff1bfdb50fd5eeca60208283e5b35d195ec','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('ac19398a0bc2a02ef66c60f4e05a561b274ba482e4ac9edd3045fda8612ec258','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('c4006cf4980e35268124b07f16bff4c209d9c7eca3328815009b10980f8af6d9','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('cdb87bd4795a67697b96f3d15e33a680cbd3ec569b00062b7542924e9460bf68','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('0c9c1f5c43325b731245c99266520b267bc83fca5b906ba45825fa31c58aef3d','0000000000000000000000000000001f');
INSERT INTO "response_uses" VALUES('2a33d8776560a3ee1d2bde4f57bd95794c3f743c40ca99701b3d536e81729909','00000000000000000000000000000021');
INSERT INTO "response_uses" VALUES('bb9810b9e37b5331f64338b1e7712485faccc64a033d48e6c553113f08349f3c','00000000000000000000000000000021');
INSERT INTO "response_uses" VALUES('c8692f53e3f1187dc83836b1891a5a6768e99c9a6c86b6599bdc1d9e8cf2cb4d','00000000000000000000000000000021');
INSERT INTO "response_uses" VALUES('52da133c9079919fd80a58f4e592fba82df871a1541e94bf038588ad39b60c68','00000000000000000000000000000021');
INSERT INTO "response_uses" VALUES('112f0b231a782561c661d5eb445f7369a04c5b9bc5d3b44cdfff8a28299e056c','00000000000000000000000000000021');
INSERT INTO "response_uses" VALUES('caa406e72bc148e333d66a029ce072c87b52d8567ac994ce64ea7bb7809f6c68','00000000000000000000000000000021');
INSERT INTO "response_uses" VALUES('8ce4853c3eefd1de369c52a2f4b853da16aee80691aa9df381dcf94d581d5b4c','00000000000000000000000000000021');
INSERT INTO "response_uses" VALUES('46c648b134591aa5548cdba64725edf707b24c34984887aad4eb2117ddb77026','00000000000000000000000000000021');
CREATE TABLE responses (
	"key" VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_responses PRIMARY KEY ("key")
);
INSERT INTO "responses" VALUES('36a005bfb3dcac67074a5f164f5adba4b8bf97feb000f8feb9e800a8133fb20a',1.79597303330819368e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('1f8eb0e028000bf943bcfee470d468c4379b518d5dc7184ba4e2ba27099a6325',1.79597303360175371e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('9ae3ff2a8f737a626cd0a80c21f796ea48264336c134dafafd10fad13d1ba7a5',1.79597303361627244e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('c3e342bdb25f17cb4d8fc5237e98ba16450e46b1adf15b0199e4a858d0fcc062',1.795973033648777e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":2,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('e0a4388bc1d9784da2a4132f12be68572d8330bf818a851a3ce1b9db9231b7fa',1795973033.67233,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('d0f135e38bf55ca9b4e6caf24d2f6534ef12bb252dc6be7a263eb27ba3d150fb',1.79597303372481489e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('280d72e765dbb2075977bc212068255445f0fd797904a464dd5335cdbe849159',1.7959730337299025e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('313e89b4e8ee0a2b88645237f882dfaac13f8665b03fd131357dbd6cb2bb65f4',1.7959730337458682e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('c59e756cd56966dc1fad6663b7a8840fe64db668a7f4a6caef69ed6ca17735d3',1.79597303377462816e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('5d0a2398eeb74281f40f868293c095e083098f5396fb9025b2999db1760013c4',1.79597303381084799e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('bba1ee35d588df9a1bde1425ac301daccce53808013a77e1404542e52f57496b',1795973033.8283,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":5,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('4d097867aad7bbcb2701ffab9dc119d3c627bf319a6de03ab5eb31449cd39952',1.79597303386465048e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('a789aa419c93e19bb5ce08101230c5242f8086eb3c670afd4ac0b203197487f0',1.79597303388845372e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('186a564961b7d911aea00615afe2d21d18d60c2e059709b873bf0d5eae682955',1.7959730352959752e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('428653b11ea3ee2c3419680660e254b070c43773ef77bf4910bdc89ec3e97118',1.79597303535570335e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('909cdd1777cd3167dbe992795c131c908f2e54931b9454e7c03d00a7bc3869a5',1.79597303536073732e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('453b4706bb311ac3de19caf051ac514345801307869d0c747e1b6e1288dbea2e',1.79597303607226967e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":12,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('afc4fd62c2754508b4cb811ab4768d0a880589a9e1a980019aa808648eb8a1ca',1.79597303616190648e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('bb5ffab10cf75108b7ceffdbb55b5b06f2309d8bdd856571637adda50b920dc6',1.79597303616888237e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('bf27eb4c1bfc67c8e66fe057fd4a0db45c486d8c17dcd41600741e38ffbe50ad',1.79597303625008845e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":9,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('15ef192e12bd2e3e42914150919b0d2378601ef1f5f7df8eb5672e77c199d9da',1.79597303625027227e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('8d2b9251685753bf333e1c88262f1a5933a9ea05b0d53994494531415b80b203',1.79597303627893805e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":9,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('867ef5f87e92a07355bc37fc390624fbc17e6b2a7a1a54ae8a07c504b7494406',1.79597303631799793e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":10,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('06d1ed4e7db4d395a03ae96b7803266d118e9d59f9b0b382e37b21d47605a904',1.79597303634438323e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('3e8d14577610dbbf8e7e9a77550ac31347f9b8cd855fc29a978c11160f6d259b',1.79597303637290525e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":10,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('77f3e48b0baa195f14776f98d2dabcecd324bc552bd6c53b2f430050b3e8b0bc',1.79597303639688611e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('3f7964ee817478cc0a61fb85d1196c7e5d970c3e76043d733601d58d1f1543db',1.79597303643162798e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('d1ab03e4a03e23ca265d1d3760befebe2a63a9569c8f7129454527ac697dd60b',1.79597303645228481e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":10,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('2d3ad0840a006a8adc677563423cdf00eaae441c20d1c04c91590603127805d1',1.79597303648865437e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('0ee62dd06495e8a9b5613ee30ff0a370d6fa8d091a8e16af9384582c86833737',1.79597303652090811e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('2d36f47de5fdecd1bf0ba5912741e88054fa13d44be6c8264b6fba91f0abfa7a',1.79597303655569219e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":1,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('1e76570a3a4b4cea1c4606522d0594c73c405bfe5184d05e19029f1ba87ab78e',1.79597303656850767e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('8d2ad0aa609c5e430848a8e008aeb1a0d3471c05f4f1f390b146068cf1d85b9d',1.79597303706324887e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":12,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('44ab21efc5700b44e6268815bcdba0e49ab7ae12c49b67cb42c2779c271abb88',1.79597303708851313e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":10,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('d11c3da7c8e9d1e3b9ce960dd81d2792257f0440b15ee8174dcdb10a0cb3fca6',1.79597303712902331e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":9,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('d66135eadafd66bca563e257a8f61b1d384654cb722fc77be7b7e7c28c9b5768',1.79597303714020752e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":10,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('da5fd93833596a86484a814c28f4f6e5f0c3a3f60e7c0674b80fe83712a4ddab',1.7959730371830759e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('7ddc6ec3c23552c8d54abfc1f366b60c3ee4d908e1c9712947252f393a36ef14',1.79597303719618821e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":10,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('8f66da92ba8b78b3f9bd377537024328daeb5e421131f0f9ea1ee73d5ebda34e',1.79597303723675608e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('372e91fe9f1997d8fa12dcd79f068fcfe721c3aa97442cf4f0a74ceabfb2fc17',1.79597303724884963e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":9,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('83bb56617829bd237ca67b216fd02c0a19fccb8739e8b31156525bc00a895142',1.79597303729697155e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('0b74fea2f7fc00b4c5f3d60e0708b529d67778b7aef07f52c321201e642bf5a3',1.79597303730842351e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('91cf0d33da9d73a7cc30c138e55daa0d5f4851b6ca761e067c0684368054aa8f',1795973037.35258,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('651b2c5d63c07e7d2b467ede50853d94cc615d9a26a219c63d35a793b16f845f',1.79597303738454866e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('9315513ff3c4627ed6f350149f18d336bb2b3415643b4a5e9b83c9e949c3d267',1.79597303742481708e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('923b1a2d971a7b59906216a63f28ea75d7ca28b2c7fe15c345ff1d3c810038d5',1.7959730377671709e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":9,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('c3b55367ab6ad842511c5d454d537f6f6baad7b75fcdd5e9931a93d2c245c560',1.79597303780246806e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('cffa0039f2eb653f8bc0d4b596271dd8765e8010163c109b7ca95de649f9e8ca',1.79597303783681726e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('99dfd4162c81ce4707bee43a9685b8ebde8d7c863e7bcb0b0aeecb0116af0ffe',1.79597303885188055e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":12,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('b640cd9db1c1ec1bc35fe5344e254804e8ba8d6f40328915ac17989f3ea4a879',1.79597303893039536e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":9,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('1d49a0c9576d5483bc83c99db24ae6343bf6f714a5d1473841a60cb520252e6f',1.79597303896743273e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":10,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('c4491f5f26ff6d574b824775c1bfba83488eeb2c4f434d7e4a8d621aef84c906',1.79597303897637391e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":10,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('b79e2f2703dd862f00e4163f9ea57ac0478bc12c5927e4f59cffe8fef5181b31',1.79597303903106665e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":9,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('6855cc1b7c4ea05bc3ec205dedd97f45161b90eb226ed194ce4b9db24af3e2fc',1.79597303909487175e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('60899717e720ec3ebbd8f02df2bc29826540c2f7e517cb155709e20de6db04e0',1.79597303914487481e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('09ab2b934f927113c86a50f5d41e32abccb01440d6be6564e2c8bf81f1ebaf24',1.79597303994926047e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":9,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('ee959ee236ba4eb2739f8347b033f97b628e25b6bef73454f1ff4778fa6d1468',1.79597303999745321e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('9017d1efbf7c359da580dedb44319fe0c6b76cbc3f477d93645d1da24ba6c38f',1.79597304330768775e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('15b00acb15953aa8149be5e45d9e31734b5b1b428df0744f7c8a46312cb8a151',1.79597304340941476e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('0f64f94bd8bd8e6424c6f9446487dd6849d6902397c4c84b54df2f1f869cec2e',1.79597304346003723e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('6e94840250a78cd300c65546ff35fdcefb6a0af1a898e83f7bb9f4c930f49154',1.79597304350822615e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('867385ddcd40e9ed2783f777bd3aa7bba3e0cbfee5b2e75d414ed96811f7e431',1.79597304347167873e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":2,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('14e7030b13d35cdcb911cd0358ae12699cb8ef1ec0f4ee82fc318686530a47a5',1.79597304356471419e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('3ee95051aa821a3e6b562353f09864da8f636a20220d9a5f00fcf4424562ea7c',1.79597304357663941e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('7c1605e4318a0339b859e0ff8fd47e8312966610022cc29e4bb7c4ecda296f49',1.79597304360831689e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('472458af661ba1945eae3f7c0e78495594f024ea8225d0da3eb642696d745b43',1.79597304365402817e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('2038b39d7028a7e0bdc39260e70b63024d4303d3d7cd6d639c027c18a1f84ec3',1.79597304366203689e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('0fd704cb8245bd28127c29f7b9098562fdc367aac5885ec07cb92af4ca83ef24',1.79597304370248556e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('e974df008543965a8be60316fce13ff1bfdb50fd5eeca60208283e5b35d195ec',1.79597304371652102e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":5,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('ac19398a0bc2a02ef66c60f4e05a561b274ba482e4ac9edd3045fda8612ec258',1.79597304375720119e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('c4006cf4980e35268124b07f16bff4c209d9c7eca3328815009b10980f8af6d9',1795973045.35878,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('cdb87bd4795a67697b96f3d15e33a680cbd3ec569b00062b7542924e9460bf68',1.79597304539454364e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('0c9c1f5c43325b731245c99266520b267bc83fca5b906ba45825fa31c58aef3d',1.79597304540850782e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":4,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('2a33d8776560a3ee1d2bde4f57bd95794c3f743c40ca99701b3d536e81729909',1.79597304895518207e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":8,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('bb9810b9e37b5331f64338b1e7712485faccc64a033d48e6c553113f08349f3c',1.79597304901973915e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('c8692f53e3f1187dc83836b1891a5a6768e99c9a6c86b6599bdc1d9e8cf2cb4d',1.79597304903874516e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":3,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('52da133c9079919fd80a58f4e592fba82df871a1541e94bf038588ad39b60c68',1.79597304907283926e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":2,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('112f0b231a782561c661d5eb445f7369a04c5b9bc5d3b44cdfff8a28299e056c',1.79597304909253382e+09,'{"text":"hello there, good morning","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('caa406e72bc148e333d66a029ce072c87b52d8567ac994ce64ea7bb7809f6c68',1.79597304912891483e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":7,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('8ce4853c3eefd1de369c52a2f4b853da16aee80691aa9df381dcf94d581d5b4c',1.79597304914855408e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
INSERT INTO "responses" VALUES('46c648b134591aa5548cdba64725edf707b24c34984887aad4eb2117ddb77026',1.79597304918917489e+09,'{"text":"your money comes back","tokens":null,"logprobs":null,"likeliest_by":null,"failure":null,"usage":{"input_tokens":6,"output_tokens":4},"finish_reason":"stop","cached":false,"usd":null}');
CREATE TABLE spans (
	trace_id VARCHAR NOT NULL, 
	span_id VARCHAR NOT NULL, 
	start_ns BIGINT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_spans PRIMARY KEY (trace_id, span_id)
);
INSERT INTO "spans" VALUES('00000000000000000000000000000001','0000000000000001',1764000000000001000,'{"trace_id":"00000000000000000000000000000001","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000001000,"end_ns":1764000000000001500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"please1 give1 me1 my1 refund1 now1 or1 else1\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000002','0000000000000001',1764000000000002000,'{"trace_id":"00000000000000000000000000000002","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000002000,"end_ns":1764000000000002500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"tell me a long story of some ship near the cold coast\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"hello there, good morning\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000003','0000000000000001',1764000000000003000,'{"trace_id":"00000000000000000000000000000003","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000003000,"end_ns":1764000000000003500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"Nothing may be left out of this\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"hello there, good morning\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000005','0000000000000001',1764000000000005000,'{"trace_id":"00000000000000000000000000000005","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000005000,"end_ns":1764000000000005500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"raised","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"please5 give5 me5 my5 refund5 now5 or5 else5\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000006','0000000000000001',1764000000000006000,'{"trace_id":"00000000000000000000000000000006","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000006000,"end_ns":1764000000000006500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"You help customers.\\nBe brief.\\nQuestion: Where is refund number 6?\\nAnswer:\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0,"smile_trace.prompts":"[{\"name\":\"support\",\"version\":\"1\",\"template\":\"You help customers.\\nBe brief.\\nQuestion: {question}\\nAnswer:\",\"variables\":{\"question\":\"Where is refund number 6?\"},\"message\":0,\"start\":0,\"end\":73,\"variable_spans\":[{\"name\":\"question\",\"start\":40,\"end\":65}],\"ambiguous\":false}]"},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000007','0000000000000001',1764000000000007000,'{"trace_id":"00000000000000000000000000000007","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000007000,"end_ns":1764000000000007500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"You help customers.\\nBe brief.\\nQuestion: Where is refund number 7?\\nAnswer:\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0,"smile_trace.prompts":"[{\"name\":\"support\",\"version\":\"2\",\"template\":\"You help customers.\\nBe brief.\\nQuestion: {question}\\nAnswer:\",\"variables\":{\"question\":\"Where is refund number 7?\"},\"message\":0,\"start\":0,\"end\":73,\"variable_spans\":[{\"name\":\"question\",\"start\":40,\"end\":65}],\"ambiguous\":false}]"},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('0000000000000000000000000000001f','0000000000000001',1764000000000031000,'{"trace_id":"0000000000000000000000000000001f","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000031000,"end_ns":1764000000000031500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"please31 give31 me31 my31 refund31 now31 or31 else31\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000020','0000000000000001',1764000000000032000,'{"trace_id":"00000000000000000000000000000020","span_id":"0000000000000001","parent_id":null,"name":"chat gone","start_ns":1764000000000032000,"end_ns":1764000000000032500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"please32 give32 me32 my32 refund32 now32 or32 else32\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"gone","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000021','0000000000000001',1764000000000033000,'{"trace_id":"00000000000000000000000000000021","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000033000,"end_ns":1764000000000033500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"please33 give33 me33 my33 refund33 now33 or33 else33\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
INSERT INTO "spans" VALUES('00000000000000000000000000000022','0000000000000001',1764000000000034000,'{"trace_id":"00000000000000000000000000000022","span_id":"0000000000000001","parent_id":null,"name":"chat planted","start_ns":1764000000000034000,"end_ns":1764000000000034500,"attributes":{"smile_trace.kind":"call","smile_trace.status":"returned","gen_ai.operation.name":"chat","gen_ai.input.messages":"[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"please34 give34 me34 my34 refund34 now34 or34 else34\"}]}]","gen_ai.output.messages":"[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"your money comes back\"}]}]","gen_ai.request.model":"planted","gen_ai.request.temperature":0.0},"events":[],"status":"unset","status_message":"","resource":{"service.name":"test"},"scope":"smile_trace"}');
CREATE TABLE spend (
	scope VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	calls INTEGER NOT NULL, 
	tokens BIGINT NOT NULL, 
	usd FLOAT NOT NULL, 
	unpriced_calls INTEGER NOT NULL, 
	CONSTRAINT pk_spend PRIMARY KEY (scope, "key")
);
INSERT INTO "spend" VALUES('explanation','00000000000000000000000000000001:0000000000000001/4c88dc5373c631f3/1',16,146,0.0,16);
INSERT INTO "spend" VALUES('model','2026-11-29/planted',83,1025,0.0,83);
INSERT INTO "spend" VALUES('day','2026-11-29',83,1025,0.0,83);
INSERT INTO "spend" VALUES('explanation','00000000000000000000000000000002:0000000000000001/4c88dc5373c631f3/1',16,178,0.0,16);
INSERT INTO "spend" VALUES('explanation','00000000000000000000000000000006:0000000000000001/4c88dc5373c631f3/1',16,192,0.0,16);
INSERT INTO "spend" VALUES('explanation','00000000000000000000000000000007:0000000000000001/4c88dc5373c631f3/1',9,116,0.0,9);
INSERT INTO "spend" VALUES('explanation','0000000000000000000000000000001f:0000000000000001/4c88dc5373c631f3/1',16,146,0.0,16);
INSERT INTO "spend" VALUES('explanation','00000000000000000000000000000020:0000000000000001/48b5e812d9c8a442/1',0,0,0.0,0);
INSERT INTO "spend" VALUES('model','2026-11-29/gone',0,0,0.0,0);
INSERT INTO "spend" VALUES('explanation','00000000000000000000000000000020:0000000000000001/48b5e812d9c8a442/1/try 2',0,0,0.0,0);
INSERT INTO "spend" VALUES('explanation','00000000000000000000000000000021:0000000000000001/4c88dc5373c631f3/1',10,247,0.0,10);
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
	root_missing BOOLEAN NOT NULL, 
	changed_at FLOAT NOT NULL, 
	error TEXT, 
	position INTEGER, 
	CONSTRAINT pk_traces PRIMARY KEY (trace_id), 
	CONSTRAINT uq_traces_position UNIQUE (position)
);
INSERT INTO "traces" VALUES('00000000000000000000000000000001','1.jsonl',1,0,1.79597303242045593e+09,NULL,1);
INSERT INTO "traces" VALUES('00000000000000000000000000000002','2.jsonl',1,0,1.79597303242086076e+09,NULL,2);
INSERT INTO "traces" VALUES('00000000000000000000000000000003','3.jsonl',1,0,1.79597303242110943e+09,NULL,3);
INSERT INTO "traces" VALUES('00000000000000000000000000000005','5.jsonl',1,0,1.79597303242118024e+09,NULL,4);
INSERT INTO "traces" VALUES('00000000000000000000000000000006','6.jsonl',1,0,1.7959730324212718e+09,NULL,5);
INSERT INTO "traces" VALUES('00000000000000000000000000000007','7.jsonl',1,0,1.79597303242134428e+09,NULL,6);
INSERT INTO "traces" VALUES('0000000000000000000000000000001f','31.jsonl',1,0,1.7959730423110876e+09,NULL,7);
INSERT INTO "traces" VALUES('00000000000000000000000000000020','32.jsonl',1,0,1.79597304231132268e+09,NULL,8);
INSERT INTO "traces" VALUES('00000000000000000000000000000021','33.jsonl',1,0,1.79597304841259264e+09,NULL,9);
INSERT INTO "traces" VALUES('00000000000000000000000000000022','34.jsonl',1,0,1.79597304841394424e+09,NULL,10);
CREATE TABLE trackers (
	name VARCHAR NOT NULL, 
	trace_position INTEGER NOT NULL, 
	explanation_position INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	reason TEXT, 
	since FLOAT, 
	not_before FLOAT NOT NULL, reason_code VARCHAR, path_position INTEGER DEFAULT '0' NOT NULL, profile_position INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_trackers PRIMARY KEY (name)
);
INSERT INTO "trackers" VALUES('folder',10,5,5,'the folder takes nothing: remove its file `down`',1.7959730425680232e+09,1.79597306339395475e+09,'tracker_unavailable',0,0);
CREATE TABLE workers (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	host VARCHAR NOT NULL, 
	release VARCHAR NOT NULL, 
	capacity INTEGER NOT NULL, 
	started_at FLOAT NOT NULL, roles VARCHAR DEFAULT 'ingest,explain,deliver' NOT NULL, models TEXT, clock_ahead FLOAT, 
	CONSTRAINT uq_workers_name UNIQUE (name)
);
CREATE INDEX ix_calls_decided ON calls (decided);
CREATE INDEX ix_calls_trace_id ON calls (trace_id);
CREATE INDEX ix_deliveries_due ON deliveries (tracker, kind, state, not_before);
CREATE INDEX ix_feedback_trace_id ON feedback (trace_id);
CREATE INDEX ix_jobs_state ON jobs (state, priority, id);
CREATE INDEX ix_reservations_day ON reservations (day);
CREATE INDEX ix_responses_created_at ON responses (created_at);
CREATE INDEX ix_traces_file ON traces (file);
CREATE INDEX ix_traces_open ON traces (position, has_root);
CREATE INDEX ix_explanations_sanity_check ON explanations (sanity_check);
CREATE INDEX ix_calls_group ON calls (group_kind, group_name, group_version);
CREATE INDEX ix_response_uses_trace_id ON response_uses (trace_id);
CREATE INDEX ix_proxy_trusts_pair ON proxy_trusts (target, proxy, group_kind, group_name, group_version);
CREATE INDEX ix_paths_trace_id ON paths (trace_id);
CREATE INDEX ix_profiles_trace_id ON profiles (trace_id);
CREATE INDEX ix_profiles_group ON profiles (group_kind, group_name);
CREATE INDEX ix_judgements_trace_id ON judgements (trace_id);
CREATE INDEX ix_drift_cases_group_name ON drift_cases (group_name);
CREATE INDEX ix_drift_cases_trace_id ON drift_cases (trace_id);
CREATE INDEX ix_drift_answers_group_name ON drift_answers (group_name);
CREATE INDEX ix_drift_answers_trace_id ON drift_answers (trace_id);
CREATE INDEX ix_judge_judgements_trace_id ON judge_judgements (trace_id);
CREATE INDEX ix_traces_changed_at ON traces (changed_at);
CREATE INDEX ix_explanations_trace_id ON explanations (trace_id);
CREATE INDEX ix_deliveries_trace_id ON deliveries (trace_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('explanations',5);
COMMIT;
