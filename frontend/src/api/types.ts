// Short names for the generated types. Only names: the shapes are the API's own.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Problem = Schemas["Problem"];
export type Product = Schemas["Product"];
export type Category = Schemas["Category"];
export type RecommendedItem = Schemas["RecommendedItem"];
export type Recommendations = Schemas["Recommendations"];
export type Reason = Schemas["Reason"];
export type Explain = Schemas["Explain"];
export type ActionType = Schemas["ActionType"];
export type NewEvent = Schemas["NewEvent"];
export type EventResults = Schemas["EventsAccepted"];
export type Preference = Schemas["Preference"];
export type HistoryItem = Schemas["HistoryItem"];
export type PreferenceChange = Schemas["PreferenceChange"];
export type Notification = Schemas["Notification"];
export type NotificationSettings = Schemas["NotificationSettings"];
export type LiveStatus = Schemas["LiveStatus"];
export type LivePoint = Schemas["LivePoint"];
export type Latency = Schemas["Latency"];
export type PartitionLag = Schemas["PartitionLag"];
export type DeadLetterItem = Schemas["DeadLetterItem"];
export type DeadLetterDetail = Schemas["DeadLetterDetail"];
export type Replayed = Schemas["Replayed"];
export type RecentEvent = Schemas["RecentEvent"];
export type Simulator = Schemas["Status"];
export type Scenario = Schemas["ScenarioItem"];
