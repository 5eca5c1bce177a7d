PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE kerasweep_schema (
	version INTEGER NOT NULL
);
INSERT INTO kerasweep_schema VALUES(1);
CREATE TABLE kerasweep_sweeps (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(200) NOT NULL, 
	occasion VARCHAR(100) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	spec TEXT NOT NULL, 
	identity TEXT, 
	created DOUBLE NOT NULL, 
	finished DOUBLE, 
	attempt INTEGER NOT NULL, 
	owner_host TEXT, 
	owner_pid INTEGER, 
	owner_machine TEXT, 
	heartbeat DOUBLE, 
	lease_seconds DOUBLE, 
	reason TEXT, 
	facts TEXT NOT NULL, 
	mlflow_experiment TEXT, 
	mlflow_run TEXT, 
	revision INTEGER DEFAULT '1' NOT NULL, 
	projected_revision INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT kerasweep_sweeps_occasion UNIQUE (name, occasion)
);
INSERT INTO kerasweep_sweeps VALUES(1,'iris-before','manual-1','COMPLETED','{"sweep":{"name":"iris-before","seed":0,"task":"multiclass","data":{"source":"sklearn","path":null,"name":"iris","callable":null,"header":true,"target":null,"drop":[],"missing":[],"groups":null,"order":null,"weights":null,"id":null,"test_size":0.2,"scale_target":null,"ship":true},"preprocessing":"auto","trainer":{"type":"mlp","builder":null,"params":{}},"space":{"layer_size":[4,8],"learning_rate":{"reciprocal":[0.001,0.1]},"epochs":[4]},"strategy":{"type":"random","seed":null,"warm_start":null,"trials":3},"cv":{"folds":2,"kind":"auto","shuffle":true,"repeats":1},"fit":{"epochs":100,"batch_size":32,"class_weight":null,"early_stopping":{"monitor":"val_loss","patience":5,"min_delta":0.001,"split":0.15,"restore_best_weights":true},"refit":"median_epochs"},"objective":{"metric":"accuracy","direction":"maximize","select":"best"},"metrics":[],"engine":"auto","resources":{"cpus_per_trial":1.0,"gpus_per_trial":0.0,"max_concurrent":"auto","trial_timeout":null},"budget":{"trials":null,"time":null},"ray":{"address":null,"local":true,"driver":null},"tracking":{"uri":"sqlite:////srv/iris/mlflow.db","experiment":"iris-before"},"ledger":"sqlite:////srv/iris/kerasweep.db","cache":true,"model":{"register_as":null,"promote":{"alpha":0.05,"repeats":10}},"schedule":null,"notify":{"webhook":null}},"folder":"/srv/iris","source":"sweep.yaml"}','{"seed":0,"task":"multiclass","data":{"source":"sklearn","name":"iris","callable":null,"header":true,"target":null,"drop":[],"missing":[],"groups":null,"order":null,"weights":null,"id":null,"test_size":0.2,"scale_target":null},"preprocessing":"auto","trainer":{"type":"mlp","builder":null,"params":{}},"space":[["layer_size",[4,8]],["learning_rate",{"reciprocal":[0.001,0.1]}],["epochs",[4]]],"strategy":{"type":"random","seed":null,"warm_start":null,"trials":3},"cv":{"folds":2,"kind":"auto","shuffle":true,"repeats":1},"fit":{"epochs":100,"batch_size":32,"class_weight":null,"early_stopping":{"monitor":"val_loss","patience":5,"min_delta":0.001,"split":0.15,"restore_best_weights":true},"refit":"median_epochs"},"objective":{"metric":"accuracy","direction":"maximize","select":"best"},"metrics":[],"engine":"auto","fingerprint":"9d9725103a0cb9e679eedf1ce4fec38557f9261965ddd8f79d985e473c629c4d","splits":"413c3edee129939c60fcec295e33ce45925a2d1bf0a3e71c6577e912264f4af3","resolved_engine":"fused"}',1795545232.4972860813,1795545241.265736103,1,NULL,NULL,NULL,NULL,NULL,NULL,'{"data":{"rows":150,"shape":[150,4],"columns":[{"name":"sepal length (cm)","kind":"number","missing":0,"different":35},{"name":"sepal width (cm)","kind":"number","missing":0,"different":23},{"name":"petal length (cm)","kind":"number","missing":0,"different":43},{"name":"petal width (cm)","kind":"number","missing":0,"different":22}],"classes":[{"label":0,"rows":50},{"label":1,"rows":50},{"label":2,"rows":50}],"target":null,"groups":null,"ordered":false,"weighted":false,"fingerprint":"9d9725103a0cb9e679eedf1ce4fec38557f9261965ddd8f79d985e473c629c4d"},"baseline":[{"accuracy":0.35},{"accuracy":0.3559322033898305}],"leaky":false,"engine":"fused","versions":{"backend":"jax","keras":"3.15.1","jax":"0.10.2","numpy":"2.4.6","scikit-learn":"1.9.1"},"winner":2,"refit":{"epochs":8,"test_metrics":{"accuracy":0.8064516129032258}},"model":"/srv/iris/kerasweep-output/iris-before/manual-1/model","model_uri":"models:/m-28293de7522b4478a952fce53f668625","model_version":null}','1','cc2f945569344b1cad0a5dd053970f12',6,6);
INSERT INTO kerasweep_sweeps VALUES(2,'iris-before','manual-2','RUNNING','{"sweep":{"name":"iris-before","seed":0,"task":"multiclass","data":{"source":"sklearn","path":null,"name":"iris","callable":null,"header":true,"target":null,"drop":[],"missing":[],"groups":null,"order":null,"weights":null,"id":null,"test_size":0.2,"scale_target":null,"ship":true},"preprocessing":"auto","trainer":{"type":"mlp","builder":null,"params":{}},"space":{"layer_size":[4,8],"learning_rate":{"reciprocal":[0.001,0.1]},"epochs":[4]},"strategy":{"type":"random","seed":null,"warm_start":null,"trials":3},"cv":{"folds":2,"kind":"auto","shuffle":true,"repeats":1},"fit":{"epochs":100,"batch_size":32,"class_weight":null,"early_stopping":{"monitor":"val_loss","patience":5,"min_delta":0.001,"split":0.15,"restore_best_weights":true},"refit":"median_epochs"},"objective":{"metric":"accuracy","direction":"maximize","select":"best"},"metrics":[],"engine":"auto","resources":{"cpus_per_trial":1.0,"gpus_per_trial":0.0,"max_concurrent":"auto","trial_timeout":null},"budget":{"trials":null,"time":null},"ray":{"address":null,"local":true,"driver":null},"tracking":{"uri":"sqlite:////srv/iris/mlflow.db","experiment":"iris-before"},"ledger":"sqlite:////srv/iris/kerasweep.db","cache":true,"model":{"register_as":null,"promote":{"alpha":0.05,"repeats":10}},"schedule":null,"notify":{"webhook":null}},"folder":"/srv/iris","source":"sweep.yaml"}','{"seed":1}',1795545255.3692674636,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,'{}',NULL,NULL,1,0);
CREATE TABLE kerasweep_schedules (
	name VARCHAR(200) NOT NULL, 
	cron TEXT NOT NULL, 
	timezone TEXT NOT NULL, 
	overlap VARCHAR(20) NOT NULL, 
	catch_up DOUBLE NOT NULL, 
	spec TEXT NOT NULL, 
	path TEXT, 
	address TEXT, 
	local_store BOOLEAN NOT NULL, 
	paused BOOLEAN NOT NULL, 
	since BIGINT NOT NULL, 
	created DOUBLE NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO kerasweep_schedules VALUES('nightly','0 2 * * *','Europe/Berlin','forbid',43200.0,'{"sweep":{"name":"iris-nightly","seed":0,"task":"multiclass","data":{"source":"sklearn","path":null,"name":"iris","callable":null,"header":true,"target":null,"drop":[],"missing":[],"groups":null,"order":null,"weights":null,"id":null,"test_size":0.2,"scale_target":null,"ship":true},"preprocessing":"auto","trainer":{"type":"mlp","builder":null,"params":{}},"space":{"layer_size":[4,8],"learning_rate":{"reciprocal":[0.001,0.1]},"epochs":[4]},"strategy":{"type":"random","seed":null,"warm_start":null,"trials":3},"cv":{"folds":2,"kind":"auto","shuffle":true,"repeats":1},"fit":{"epochs":100,"batch_size":32,"class_weight":null,"early_stopping":{"monitor":"val_loss","patience":5,"min_delta":0.001,"split":0.15,"restore_best_weights":true},"refit":"median_epochs"},"objective":{"metric":"accuracy","direction":"maximize","select":"best"},"metrics":[],"engine":"auto","resources":{"cpus_per_trial":1.0,"gpus_per_trial":0.0,"max_concurrent":"auto","trial_timeout":null},"budget":{"trials":null,"time":null},"ray":{"address":null,"local":true,"driver":null},"tracking":{"uri":"sqlite:////srv/iris/mlflow.db","experiment":"iris-nightly"},"ledger":"sqlite:////srv/iris/kerasweep.db","cache":true,"model":{"register_as":null,"promote":{"alpha":0.05,"repeats":10}},"schedule":{"cron":"0 2 * * *","timezone":"Europe/Berlin","overlap":"forbid","catch_up":43200.0},"notify":{"webhook":null}},"folder":"/srv/iris","source":"nightly.yaml"}','/srv/iris/nightly.yaml',NULL,0,0,1795545254,1795545254.5003426074);
CREATE TABLE kerasweep_firings (
	schedule VARCHAR(200) NOT NULL, 
	due BIGINT NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	attempt INTEGER NOT NULL, 
	owner_host TEXT, 
	owner_pid INTEGER, 
	owner_machine TEXT, 
	not_before DOUBLE, 
	occasion VARCHAR(100), 
	submission VARCHAR(400), 
	message TEXT, 
	created DOUBLE NOT NULL, 
	finished DOUBLE, 
	PRIMARY KEY (schedule, due)
);
INSERT INTO kerasweep_firings VALUES('nightly',1795545255,'WAITING',1,NULL,NULL,NULL,1795545255.0042045115,NULL,NULL,'asked for by hand',1795545255.0020263195,NULL);
CREATE TABLE kerasweep_trials (
	sweep INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	"key" VARCHAR(64) NOT NULL, 
	config TEXT NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	score DOUBLE, 
	summary TEXT, 
	cause TEXT, 
	message TEXT, 
	traceback TEXT, 
	cohort TEXT, 
	engine TEXT, 
	engine_reason TEXT, 
	cached_from TEXT, 
	attempt INTEGER NOT NULL, 
	created DOUBLE NOT NULL, 
	started DOUBLE, 
	finished DOUBLE, 
	mlflow_run TEXT, 
	revision INTEGER DEFAULT '1' NOT NULL, 
	projected_revision INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (sweep, number), 
	FOREIGN KEY(sweep) REFERENCES kerasweep_sweeps (id)
);
INSERT INTO kerasweep_trials VALUES(1,0,'84fc80e3795a4bbe4ca0705e7fb14d7bd67edc02557f8dbbffaa6cf7cea6c407','{"layer_size":4,"learning_rate":0.01599610040760498,"epochs":4}','COMPLETED',0.55564971751412428613,'{"mean":{"accuracy":0.5556497175141243},"std":{"accuracy":0.12231638418079094},"standard_error":{"accuracy":0.22409068106686836},"seconds":0.029625807999991594,"epoch":4.0,"size":55}',NULL,NULL,NULL,'c0','fused',NULL,NULL,1,1795545237.8539192676,1795545237.8652279376,1795545239.5404706,'06a756c1518a434bbb5820f18161bf5c',5,5);
INSERT INTO kerasweep_trials VALUES(1,1,'ca42900fe6fbdbb85076cd0c39d02830d94ba0161f710b172315560b251e7ca6','{"layer_size":4,"learning_rate":0.003445818384179877,"epochs":4}','COMPLETED',0.21031073446327683273,'{"mean":{"accuracy":0.21031073446327683},"std":{"accuracy":0.026977401129943512},"standard_error":{"accuracy":0.049424157140614176},"seconds":0.04248323799993159,"epoch":4.0,"size":55}',NULL,NULL,NULL,'c1','fused',NULL,NULL,1,1795545237.8539192676,1795545237.8694345951,1795545239.9123506546,'347e5581d452487da37ccb784e523007',5,5);
INSERT INTO kerasweep_trials VALUES(1,2,'58f98cd97874c4c4545d041c0e9188cce4f6dff2cf5230793e97b44406d38c0d','{"layer_size":8,"learning_rate":0.011656208525075243,"epochs":4}','COMPLETED',0.80692090395480220443,'{"mean":{"accuracy":0.8069209039548022},"std":{"accuracy":0.023587570621468934},"standard_error":{"accuracy":0.04321379184545847},"seconds":0.00946117399985269,"epoch":4.0,"size":139}',NULL,NULL,NULL,'c2','fused',NULL,NULL,1,1795545237.8539192676,1795545239.5526182651,1795545239.7312889099,'f2166822035749449acf7a60145a7b3c',5,5);
CREATE TABLE kerasweep_folds (
	"key" VARCHAR(64) NOT NULL, 
	fold INTEGER NOT NULL, 
	metrics TEXT NOT NULL, 
	history TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	epochs_run INTEGER NOT NULL, 
	seconds DOUBLE NOT NULL, 
	stopped VARCHAR(20) NOT NULL, 
	engine TEXT NOT NULL, 
	engine_reason TEXT, 
	size BIGINT, 
	sweep INTEGER NOT NULL, 
	created DOUBLE NOT NULL, 
	PRIMARY KEY ("key", fold), 
	FOREIGN KEY(sweep) REFERENCES kerasweep_sweeps (id)
);
INSERT INTO kerasweep_folds VALUES('84fc80e3795a4bbe4ca0705e7fb14d7bd67edc02557f8dbbffaa6cf7cea6c407',0,'{"accuracy":0.43333333333333335}','{"loss":[1.2537764310836792,1.1421654224395752,1.0532805919647217,0.9841119647026062],"accuracy":[0.25999999046325684,0.30000001192092896,0.36000001430511475,0.4399999976158142],"val_loss":[1.389739751815796,1.2870326042175293,1.1995184421539307,1.1331067085266113],"val_accuracy":[0.1111111119389534,0.1111111119389534,0.4444444477558136,0.4444444477558136]}',4,4,0.012855952499876366346,'epochs','fused',NULL,55,1,1795545239.5286374091);
INSERT INTO kerasweep_folds VALUES('84fc80e3795a4bbe4ca0705e7fb14d7bd67edc02557f8dbbffaa6cf7cea6c407',1,'{"accuracy":0.6779661016949152}','{"loss":[1.1124374866485596,1.0694447755813599,1.0310163497924805,0.988162100315094],"accuracy":[0.23529411852359772,0.3137255012989044,0.4901960790157318,0.7647058963775635],"val_loss":[1.04840886592865,1.0060179233551025,0.9657500386238098,0.9235161542892456],"val_accuracy":[0.2222222238779068,0.2222222238779068,0.5555555820465088,0.7777777910232544]}',4,4,0.016769855500115227187,'epochs','fused',NULL,55,1,1795545239.5404706);
INSERT INTO kerasweep_folds VALUES('58f98cd97874c4c4545d041c0e9188cce4f6dff2cf5230793e97b44406d38c0d',0,'{"accuracy":0.7833333333333333}','{"loss":[1.2949708700180054,1.1160715818405151,1.0099924802780151,0.9342432618141174],"accuracy":[0.2800000011920929,0.4399999976158142,0.5600000023841858,0.7400000095367432],"val_loss":[0.9816782474517822,0.9235856533050537,0.8829548358917236,0.8412770628929138],"val_accuracy":[0.4444444477558136,0.5555555820465088,0.6666666865348816,0.6666666865348816]}',4,4,0.0049351044999639270827,'epochs','fused',NULL,139,1,1795545239.7293105125);
INSERT INTO kerasweep_folds VALUES('58f98cd97874c4c4545d041c0e9188cce4f6dff2cf5230793e97b44406d38c0d',1,'{"accuracy":0.8305084745762712}','{"loss":[1.137553334236145,1.0750374794006348,1.02157461643219,0.9570148587226868],"accuracy":[0.21568627655506134,0.2549019753932953,0.3921568691730499,0.7450980544090271],"val_loss":[1.0725502967834473,1.0179696083068848,0.9565560817718506,0.8876402974128723],"val_accuracy":[0.1111111119389534,0.4444444477558136,0.6666666865348816,0.7777777910232544]}',4,4,0.0045260694998887629481,'epochs','fused',NULL,139,1,1795545239.7312889099);
INSERT INTO kerasweep_folds VALUES('ca42900fe6fbdbb85076cd0c39d02830d94ba0161f710b172315560b251e7ca6',0,'{"accuracy":0.18333333333333332}','{"loss":[1.3139631748199463,1.2899987697601318,1.2701728343963623,1.249165415763855],"accuracy":[0.30000001192092896,0.30000001192092896,0.2800000011920929,0.2800000011920929],"val_loss":[1.279822587966919,1.255643606185913,1.2330026626586914,1.212139368057251],"val_accuracy":[0.3333333432674408,0.3333333432674408,0.3333333432674408,0.3333333432674408]}',4,4,0.021186567500080855097,'epochs','fused',NULL,55,1,1795545239.9096195698);
INSERT INTO kerasweep_folds VALUES('ca42900fe6fbdbb85076cd0c39d02830d94ba0161f710b172315560b251e7ca6',1,'{"accuracy":0.23728813559322035}','{"loss":[1.281422734260559,1.2469979524612427,1.2137123346328735,1.189158320426941],"accuracy":[0.27450981736183167,0.21568627655506134,0.19607843458652496,0.1764705926179886],"val_loss":[1.1734516620635986,1.1468031406402588,1.1219079494476318,1.099660038948059],"val_accuracy":[0.2222222238779068,0.2222222238779068,0.2222222238779068,0.2222222238779068]}',4,4,0.021296670499850733904,'epochs','fused',NULL,55,1,1795545239.9123506546);
CREATE TABLE kerasweep_submissions (
	sweep INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	id VARCHAR(400) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	address TEXT, 
	message TEXT, 
	created DOUBLE NOT NULL, 
	PRIMARY KEY (sweep, attempt), 
	FOREIGN KEY(sweep) REFERENCES kerasweep_sweeps (id), 
	UNIQUE (id)
);
INSERT INTO kerasweep_submissions VALUES(2,1,'iris-before-manual-2-a1','CLAIMED',NULL,NULL,1795545255.3692674636);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('kerasweep_sweeps',2);
CREATE INDEX kerasweep_firings_state ON kerasweep_firings (state);
CREATE INDEX kerasweep_trials_key ON kerasweep_trials ("key");
CREATE INDEX kerasweep_trials_unprojected ON kerasweep_trials (sweep, number) WHERE revision <> projected_revision;
COMMIT;
